// A compact whose power or disk fails, at each of its steps: the same rows are
// there, in one file or the other.
#include "persistence/compact.hpp"
#include "tests/power_loss/recorder.hpp"
#include "tests/power_loss/scratch.hpp"
#include "tests/support/stored_rows.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t images_a_step = 20;

/// A folder as nodes have it, with a store that is mostly free.
struct stored_node {
  stored_node() : folder(scratch.path / "node"), store(folder / "store") {
    make_mostly_free_store(store, 300);
    initial = read_image(folder);
    rows = all_rows(store);
  }

  bool has_half_copy() const { return fs::exists(store / "data.mdb.compact"); }

  temporary_folder scratch{scratch_parent()};
  fs::path folder;
  fs::path store;
  disk_image initial;
  stored_rows rows;
};

} // namespace

TEST_CASE("a power loss during a compact leaves the same rows") {
  stored_node node;
  random_source random{Catch::getSeed()};
  std::vector<disk_op> ops;
  {
    recorder calls{node.folder, node.initial};
    REQUIRE(compact(node.store).has_value());
    ops = calls.take();
  }
  CHECK(ops.size() >= 5); // create, write, flush, rename, flush
  disk present{node.initial};
  for (std::size_t done = 0; done <= ops.size(); ++done) {
    for (std::size_t i = 0; i < images_a_step; ++i) {
      auto* in_progress =
        done < ops.size() && below(random, 2) == 0 ? &ops[done] : nullptr;
      write_image(present.crash(random, in_progress), node.folder);
      INFO("after " << done << " of " << ops.size() << " steps, --rng-seed "
                    << Catch::getSeed());
      REQUIRE((all_rows(node.store) == node.rows));
      open_store(node.store);
      REQUIRE(!node.has_half_copy());
      REQUIRE((all_rows(node.store) == node.rows));
    }
    if (done < ops.size())
      present.apply(ops[done]);
  }
}

TEST_CASE("a disk that fails during a compact leaves the same rows",
          "[faults]") {
  stored_node node;
  auto compact_with = [&](const disk_fault& fault) {
    write_image(node.initial, node.folder);
    recorder calls{node.folder, node.initial};
    calls.fail(fault);
    auto done = compact(node.store).has_value();
    auto failed = calls.failures() > 0;
    auto count = calls.calls();
    calls.take();
    CHECK((done || failed));
    REQUIRE((all_rows(node.store) == node.rows));
    CHECK(!node.has_half_copy());
    return std::pair{done, count};
  };
  auto [good, calls] = compact_with({.below = "store/", .first = SIZE_MAX});
  REQUIRE(good);
  REQUIRE(calls >= 4);
  std::size_t refused = 0;
  for (std::size_t first = 1; first <= calls; ++first)
    for (auto [code, done] :
         {std::pair{EIO, false}, {ENOSPC, false}, {0, false}, {EIO, true}})
      for (auto count : {std::size_t{1}, SIZE_MAX}) {
        INFO("calls from " << first << " on, " << count << " times, errno "
                           << code << (done ? ", the first is done" : ""));
        refused +=
          compact_with({"store/", first, count, code, done, false}).first ? 0U
                                                                          : 1U;
      }
  CHECK(refused > calls);
}
