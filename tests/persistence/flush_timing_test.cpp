// When memory is worth a flush of LMDB, and how long one is rested from.
#include "actors/core/limits.hpp"
#include "persistence/flush_timing.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

bool worth(std::size_t bytes, std::size_t streams, bool resting = false) {
  return worth_flushing({bytes, streams, 16 * mib, resting});
}

} // namespace

TEST_CASE("half a MiB of a few streams is worth a flush") {
  CHECK(!worth(0, 0));
  CHECK(!worth(512 * kib - 1, 1));
  CHECK(worth(512 * kib, 1));
  CHECK(worth(512 * kib, 32));
}

TEST_CASE("with many streams a flush waits for 16 KiB of each") {
  CHECK(!worth(512 * kib, 33));
  CHECK(worth(33 * 16 * kib, 33));
  CHECK(!worth(8 * mib, 1000));
}

TEST_CASE("full memory is worth a flush, whatever else") {
  CHECK(worth(16 * mib, 100'000));
  CHECK(worth(16 * mib, 1, true));
}

TEST_CASE("after a slow flush only full memory is worth one") {
  CHECK(!worth(16 * mib - 1, 1, true));
  CHECK(rest_after(10ms, true) == 0ms);
  CHECK(rest_after(11ms, true) == 33ms);
}

TEST_CASE("after a failed flush there is a pause, however quick it failed") {
  CHECK(rest_after(0ms, false) == limits::flush_interval);
  CHECK(rest_after(1s, false) == limits::flush_interval);
}
