// Places among all events: their order and their text.
#include "actors/core/log_position.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

TEST_CASE("positions are ordered by time, partition, index, place in the "
          "record") {
  auto at = [](std::uint64_t time, std::uint64_t p, std::uint64_t index,
               std::uint64_t offset) {
    return log_position::of({time}, {p}, {index}, offset);
  };
  CHECK(at(1, 9, 9, 9) < at(2, 0, 1, 0));
  CHECK(at(2, 0, 9, 9) < at(2, 1, 1, 0));
  CHECK(at(2, 1, 1, 16'383) < at(2, 1, 2, 0));
  CHECK(at(2, 1, 2, 0) + 1 == at(2, 1, 2, 1));
  CHECK(at(2, 4095, (std::uint64_t{1} << 38) - 1, 16'383)
        < log_position::behind({2}));
  CHECK(log_position::behind({2}) <= at(3, 0, 0, 0));
  CHECK(at(2, 77, 5, 6).partition() == partition_id{77});
}

TEST_CASE("positions are 32 hex digits, and come back") {
  auto p = log_position::of({0x18f0'1234'abcdU}, {3}, {0x9a7}, 5);
  CHECK(to_string(p) == "000018F01234ABCD003000000269C005");
  CHECK(parse_log_position(to_string(p)) == p);
  CHECK(parse_log_position("000018f01234abcd003000000269c005") == p);
  for (auto* text :
       {"", "head", "000018F01234ABCD003000000269C00",
        "000018F01234ABCD003000000269C0055", "-00018F01234ABCD003000000269C005",
        "0x0018F01234ABCD003000000269C005", "000018F01234ABCG003000000269C005"})
    CHECK(!parse_log_position(text));
}
