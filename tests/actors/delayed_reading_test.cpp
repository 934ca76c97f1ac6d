// Lists of delayed messages: how far behind a page is looked.
#include "actors/core/limits.hpp"
#include "actors/delayed_reading.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::delayed_reading_test {

namespace {

constexpr std::uint64_t readable = 60;

/// Messages due at 1, 2, 3..., of the groups "even" and "odd". The one behind
/// them all is damaged: who reads so far is told.
class damaged_end {
public:
  damaged_end() {
    {
      auto db = open();
      record what;
      for (std::uint64_t n = 1; n <= readable; ++n)
        what.changes.emplace_back(put_delayed{{{n},
                                               {n},
                                               delayed_kind::lease_end,
                                               "orders",
                                               n % 2 == 0 ? "even" : "odd",
                                               1}});
      db->apply({0}, {1}, what, 1'000);
      db->flush().value();
    }
    {
      auto file = database::open({.folder = folder_.path}).value();
      auto txn = file.write().value();
      txn
        .put(table::delayed, keys::delayed({0}, {readable + 1}, {1}), "damaged")
        .value();
      txn.commit().value();
    }
    node.db = open();
    node.placement = ring{1};
    node.now = node.wall = [] { return wall_time{1}; };
  }

  node_services node;

private:
  std::unique_ptr<store> open() const {
    return store::open({.folder = folder_.path,
                        .partitions = 1,
                        .flush_in_background = false})
      .value();
  }

  temporary_folder folder_;
};

} // namespace

TEST_CASE("a page of delayed messages reads little more than it shows") {
  damaged_end at;
  delayed_query what;
  what.count = 20;
  auto page = list_delayed(at.node, what).value();
  REQUIRE(page.items.size() == 20);
  CHECK(page.items.back().what.id == delayed_id{20});
  CHECK(page.more);
  CHECK(page.id == delayed_id{20});
  what.count = readable;
  CHECK(list_delayed(at.node, what).error() == errc::corrupt);
}

TEST_CASE("a filter that passes few of the delayed messages has more read") {
  damaged_end at;
  delayed_query what;
  what.filter.group = "even";
  what.count = 20; // of 21 rows just ten, of 42 just enough
  auto page = list_delayed(at.node, what).value();
  REQUIRE(page.items.size() == 20);
  CHECK(page.items.back().what.id == delayed_id{40});
  CHECK(page.id == delayed_id{40});
  what.after_due = page.due;
  what.after_partition = page.partition;
  what.after_id = page.id;
  CHECK(list_delayed(at.node, what).error() == errc::corrupt);
}

} // namespace callboard::test::delayed_reading_test
