// Parts of topics: every name decides its partition, and one part has one name.
#include "actors/core/names.hpp"
#include "actors/core/topics.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <set>
#include <string>

using namespace callboard;

namespace {

/// Names out of few characters, so that marks and separators come up often.
std::string some_name(std::mt19937_64& random) {
  constexpr std::string_view letters = "ab@0123:$-";
  std::string out;
  for (auto size = 1 + random() % 12; out.size() < size;)
    out += letters[random() % letters.size()];
  return out;
}

bool is_topic(std::string_view name) {
  return !name.empty() && !name.starts_with('$') && !looks_like_part(name);
}

} // namespace

TEST_CASE("the part of a topic where it is at home is the stream itself") {
  ring four{4};
  for (std::string topic : {"orders", "hello", "a b", "日本", "x@y", "a::b"}) {
    INFO(topic);
    auto home = four.home_of(topic);
    CHECK(topic_stream(four, topic, home) == topic);
    std::set<std::string> names;
    for (std::uint64_t p = 0; p < 4; ++p) {
      auto stream = topic_stream(four, topic, {p});
      names.insert(stream);
      CHECK(four.home_of(stream) == partition_id{p});
      CHECK(four.home_of(metadata_stream(stream)) == partition_id{p});
      CHECK(four.home_of(parked_stream(stream, "g@1")) == partition_id{p});
      CHECK(four.home_of(checkpoint_stream(stream, "g")) == partition_id{p});
    }
    CHECK(names.size() == 4);
  }
  REQUIRE(four.home_of("orders") != partition_id{0});
  CHECK(topic_stream(four, "orders", {0}) == "orders@0");
  REQUIRE(four.home_of("a::b") != partition_id{2});
  CHECK(topic_stream(four, "a::b", {2}) == "a@2::b");
}

TEST_CASE("only a decimal number of a partition marks a part") {
  ring four{4};
  for (std::uint64_t p = 0; p < 4; ++p) {
    CHECK(four.home_of("orders@" + std::to_string(p)) == partition_id{p});
    CHECK(four.home_of("$$orders@" + std::to_string(p)) == partition_id{p});
  }
  for (std::string name :
       {"orders@4", "orders@03", "orders@", "orders@1x", "orders@-1",
        "orders@18446744073709551616", "orders@4294967297"}) {
    INFO(name);
    CHECK(four.home_of(name) == four.partition_of(name));
    CHECK(canonical_stream(four, name) == name);
  }
  CHECK(ring{1}.home_of("orders@0") == partition_id{0});
}

TEST_CASE("one part has one name") {
  ring four{4};
  auto home = four.home_of("orders").value;
  auto marked = "orders@" + std::to_string(home);
  CHECK(canonical_stream(four, marked) == "orders");
  CHECK(canonical_stream(four, "$$" + marked) == "$$orders");
  CHECK(canonical_stream(four, parked_stream(marked, "g"))
        == parked_stream("orders", "g"));
  CHECK(canonical_stream(four, marked + "@" + std::to_string(home))
        == "orders");
  auto elsewhere = "orders@" + std::to_string((home + 1) % 4);
  CHECK(canonical_stream(four, elsewhere) == elsewhere);
  CHECK(canonical_stream(four, "orders") == "orders");
  for (std::uint64_t p = 0; p < 4; ++p) // never a stream without a name
    CHECK(canonical_stream(four, "@" + std::to_string(p))
          == "@" + std::to_string(p));
}

TEST_CASE("any topic and partition come back from the name of their stream") {
  std::mt19937_64 random{1};
  for (std::size_t partitions : {1, 3, 4, 12, 100})
    for (int i = 0; i < 2'000; ++i) {
      ring placement{partitions};
      auto topic = some_name(random);
      if (!is_topic(topic))
        continue;
      partition_id part{random() % partitions};
      auto stream = topic_stream(placement, topic, part);
      INFO(topic << " " << part.value << " " << stream);
      CHECK(placement.home_of(stream) == part);
      CHECK(canonical_stream(placement, stream) == stream);
      CHECK(part_of(placement, stream) == topic_part{topic, part});
    }
}

TEST_CASE("a canonical name stays, and lies where the other one does") {
  std::mt19937_64 random{2};
  ring four{4};
  for (int i = 0; i < 20'000; ++i) {
    auto name = some_name(random);
    auto stored = canonical_stream(four, name);
    INFO(name << " " << stored);
    CHECK(!stored.empty());
    CHECK(canonical_stream(four, stored) == stored);
    CHECK(four.home_of(stored) == four.home_of(name));
  }
}
