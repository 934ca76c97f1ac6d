// What nodes tell each other of the broker's clock, and whom they believe.
#include "actors/replication/clock_message.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

TEST_CASE("a clock is told with the term of who tells it") {
  clock_message told{{1'764'000'000'000}, true, 300};
  auto bytes = encode(told);
  CHECK(decode_clock_message(bytes).value() == told);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(decode_clock_message(bytes.substr(0, n)).error() == errc::corrupt);
  CHECK(decode_clock_message(bytes + "x").error() == errc::corrupt);
  bytes[0] = 3;
  CHECK(decode_clock_message(bytes).error() == errc::unknown_format);
}

TEST_CASE("a node that is not upgraded yet tells its clock without a term") {
  auto told = decode_clock_message(std::string{"\1\1\x05", 3}).value();
  CHECK(told == clock_message{{5}, true, 0});
  CHECK_FALSE(is_of_former_leader(told, 9));
}

TEST_CASE("a leader of an earlier term does not say what time it is") {
  CHECK(is_of_former_leader({{5}, true, 8}, 9));
  CHECK_FALSE(is_of_former_leader({{5}, true, 9}, 9));
  CHECK_FALSE(is_of_former_leader({{5}, true, 10}, 9));
  // Who follows does not claim to know better, and may have missed an election.
  CHECK_FALSE(is_of_former_leader({{5}, false, 8}, 9));
}
