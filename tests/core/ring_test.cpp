// Known answers of Barco's hash and ring (barco-http.md 5.2), and our names.
#include "actors/core/names.hpp"
#include "actors/core/ring.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <limits>
#include <map>
#include <string>
#include <tuple>

using namespace callboard;

TEST_CASE("the hash is Cassandra's Murmur3, bit by bit") {
  auto hex = [](std::uint64_t x) { return std::int64_t(x); };
  CHECK(murmur3_token("0") == hex(0x2ac9debed546a380));
  CHECK(murmur3_token("hello") == hex(0xcbd8a7b341bd9b02));
  CHECK(murmur3_token("hello, world") == hex(0x342fac623a5ebc8e));
  CHECK(murmur3_token("19 Jan 2038 at 3:14:07 AM") == hex(0xb89e5988b737affc));
  CHECK(murmur3_token("The quick brown fox jumps over the lazy dog.")
        == hex(0xcd99481f9ee902c9));
  CHECK(murmur3_token("abcd") == -5153323217664422577);
  CHECK(murmur3_token("wxyz") == 6541399000449243469);
  CHECK(murmur3_token("mmmm") == 1406774400723249678);
  CHECK(murmur3_token("Hashing a value") == 3002999691413861203);
  CHECK(murmur3_token("\xc3\xa9") == 5461403030378599040); // sign extension
  CHECK(murmur3_token("\xe6\x97\xa5\xe6\x9c\xac") == -7507319893842418264);
  const unsigned char raw[] = {0x00, 0x10, 0x43, 0x27, 0x52, 0x9f, 0xb6,
                               0x45, 0xdd, 0x00, 0xb8, 0x83, 0xec, 0x39,
                               0xae, 0x44, 0x8b, 0xb8, 0x00, 0x00, 0x04,
                               0x00, 0x06, 0x6a, 0x6b, 0x00};
  CHECK(murmur3_token({reinterpret_cast<const char*>(raw), sizeof raw})
        == -9223371632693506265);
}

TEST_CASE("a key lies where Barco's brokers place it (45)") {
  struct row {
    const char* key;
    std::array<ring_slice, 3> at; // of 3, 6 and 12 brokers
  };

  const row rows[] = {{"hui", {{{2, 3}, {5, 2}, {11, 0}}}},
                      {"é", {{{2, 1}, {4, 3}, {9, 2}}}},
                      {"日本", {{{0, 1}, {0, 2}, {1, 0}}}},
                      {"123", {{{0, 1}, {0, 2}, {1, 0}}}},
                      {"567", {{{1, 2}, {3, 0}, {6, 0}}}},
                      {"234", {{{2, 3}, {5, 2}, {11, 0}}}},
                      {"a", {{{0, 0}, {0, 0}, {0, 1}}}},
                      {"k", {{{2, 1}, {4, 2}, {9, 1}}}},
                      {"key-1", {{{1, 1}, {2, 3}, {5, 3}}}},
                      {"orders", {{{2, 3}, {5, 3}, {11, 2}}}},
                      {"user:42", {{{0, 3}, {1, 3}, {3, 2}}}},
                      {"hello", {{{0, 3}, {1, 3}, {3, 2}}}}};
  for (auto& [key, at] : rows) {
    INFO(key);
    CHECK(place(murmur3_token(key), 3, 4) == at[0]);
    CHECK(place(murmur3_token(key), 6, 4) == at[1]);
    CHECK(place(murmur3_token(key), 12, 4) == at[2]);
  }
}

TEST_CASE("12 partitions are the slices of Barco's three tokens (9, 43, 44)") {
  ring twelve{12};
  CHECK(twelve.tokens() == 3);
  for (auto& [key, token, range] : {std::tuple{"123", 0, 1},
                                    {"567", 1, 2},
                                    {"234", 2, 3},
                                    {"a", 0, 0},
                                    {"hui", 2, 3},
                                    {"k", 2, 1},
                                    {"key-1", 1, 1},
                                    {"orders", 2, 3},
                                    {"user:42", 0, 3},
                                    {"hello", 0, 3},
                                    {"é", 2, 1},
                                    {"日本", 0, 1}}) {
    INFO(key);
    ring_slice there{std::size_t(token), std::size_t(range)};
    auto p = twelve.partition_of(key);
    CHECK(p == partition_id{there.broker * 4 + there.range});
    CHECK(twelve.slice_of(p) == there);
  }
  CHECK(ring{24}.tokens() == 6);
  for (std::size_t other : {1, 4, 6, 36, 100}) {
    CHECK(ring{other}.tokens() == 1);
    CHECK(ring{other}.slice_of({other - 1}) == ring_slice{0, other - 1});
  }
}

TEST_CASE("the tokens of a ring are Barco's (47, 48, 51)") {
  CHECK(ring_token(3, 0) == std::numeric_limits<std::int64_t>::min());
  CHECK(ring_token(3, 1) == -3074457345618259968);
  CHECK(ring_token(3, 2) == 3074457345618255872);
  CHECK(ring_token(12, 1) == -7686143364045646848);
  auto begin = std::uint64_t(ring_token(3, 0));
  for (std::size_t size = 3; size <= 3 * 2048; size *= 2) {
    auto width = std::uint64_t(ring_token(size, 1)) - begin;
    for (std::size_t i = 1; i < size; ++i)
      REQUIRE(std::uint64_t(ring_token(size, i)) == begin + i * width);
    auto last = begin - std::uint64_t(ring_token(size, size - 1));
    CHECK((last >= width && last - width < width / 100 + 1));
    for (std::size_t i = 0; i < size; ++i) // doubling moves none
      REQUIRE(ring_token(size, i) == ring_token(2 * size, 2 * i));
  }
  // Where a slice ends, the next one begins: also in the ring twice as large.
  auto hash = ring_token(12, 1);
  CHECK(place(hash - 1, 3, 4) == ring_slice{0, 0});
  CHECK(place(hash, 3, 4) == ring_slice{0, 1});
  CHECK(place(hash - 1, 6, 4) == ring_slice{0, 1});
  CHECK(place(hash, 6, 4) == ring_slice{0, 2});
}

TEST_CASE("keys spread evenly over the partitions of a single node") {
  ring four{4};
  std::map<partition_id, int> hits;
  for (int i = 0; i < 20'000; ++i)
    ++hits[four.partition_of("key-" + std::to_string(i))];
  REQUIRE(hits.size() == 4);
  for (auto& [p, count] : hits)
    CHECK((count > 4'500 && count < 5'500));
  CHECK(ring{1}.partition_of("anything") == partition_id{0});
}

TEST_CASE("what belongs to a stream lies with it, whatever the names are") {
  ring four{4};
  for (std::string stream :
       {"orders", "a::b", "a:", ":", "a:@2", "$ce-x", "$$weird",
        "x::", "::", "日本", "$persistentsubscription-y"})
    for (std::string group : {"g", "a::b", "-parked", "::"}) {
      INFO(stream << " " << group);
      auto home = four.home_of(stream);
      CHECK(four.home_of(metadata_stream(stream)) == home);
      CHECK(four.home_of(parked_stream(stream, group)) == home);
      CHECK(four.home_of(checkpoint_stream(stream, group)) == home);
      CHECK(four.home_of(metadata_stream(parked_stream(stream, group)))
            == home);
    }
}
