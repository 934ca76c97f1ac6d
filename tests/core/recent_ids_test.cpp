// What is remembered of ids, and for how long; ids that a client has made up to
// be a burden.
#include "actors/core/recent_ids.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <set>

using namespace callboard;

namespace {

uuid id(std::uint8_t n) {
  return {{n}};
}

} // namespace

TEST_CASE("the window of remembered ids forgets the oldest") {
  recent_ids ids{3};
  for (std::uint8_t n = 1; n <= 4; ++n)
    ids.add(id(n), {1}, {n});
  CHECK(!ids.find(id(1), {1}));
  CHECK(ids.find(id(2), {1}) == event_number{2});
  ids.add(id(4), {1}, {9});
  CHECK(ids.find(id(4), {1}) == event_number{4}); // the lowest
  CHECK(ids.has(id(4), {1}, {9}));
  CHECK(!ids.find(id(4), {2}));
  CHECK(ids.size() == 3);
}

TEST_CASE("an id that came often is forgotten once for each time") {
  recent_ids ids{4};
  auto often = id(7);
  auto other = id(8);
  ids.add(often, {1}, {3});
  ids.add(often, {1}, {5});
  ids.add(often, {2}, {9});
  ids.add(often, {1}, {6});
  CHECK(ids.find(often, {1}) == event_number{3});
  ids.add(other, {1}, {7}); // 3 goes
  CHECK_FALSE(ids.has(often, {1}, {3}));
  CHECK(ids.find(often, {1}) == event_number{5});
  ids.add(other, {1}, {8}); // 5 goes
  CHECK(ids.find(often, {1}) == event_number{6});
  ids.add(other, {2}, {1}); // the one in the other stream goes
  CHECK_FALSE(ids.find(often, {2}));
  ids.add(other, {2}, {2});
  CHECK_FALSE(ids.find(often, {1}));
  CHECK(ids.find(other, {2}) == event_number{1});
}

TEST_CASE("an id that came all the time takes no longer than others") {
  // With a walk for each of them this takes minutes.
  recent_ids ids{100'000};
  std::uint64_t missing = 0;
  for (std::uint64_t n = 0; n < 300'000; ++n) {
    ids.add(id(1), {1}, {n});
    missing += ids.find(id(1), {1}) ? 0 : 1;
    missing += ids.has(id(1), {1}, {n + 1}) ? 1 : 0;
  }
  CHECK(missing == 0);
  CHECK(ids.find(id(1), {1}) == event_number{200'000});
  CHECK(ids.has(id(1), {1}, {200'003}));
}

TEST_CASE("ids that would collide without a key do not") {
  // (low ^ high >> 29) * factor + high is the same for all of these.
  constexpr std::uint64_t factor = 0x9e3779b97f4a7c15U;
  constexpr std::uint64_t inverse = 0xf1de83e19937733dU;
  static_assert(factor * inverse == 1);
  std::set<std::size_t> hashes;
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    auto high = n * 0x123456789abcdefU;
    auto low = ((12'345 - high) * inverse) ^ (high >> 29);
    uuid evil;
    std::memcpy(evil.bytes.data(), &low, 8);
    std::memcpy(evil.bytes.data() + 8, &high, 8);
    hashes.insert(std::hash<uuid>{}(evil));
  }
  CHECK(hashes.size() == 1'000);
}
