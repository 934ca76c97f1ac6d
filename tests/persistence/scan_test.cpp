// Ranges of rows of which memory has many, some of them erased.
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "persistence/store.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;

TEST_CASE("a short range is found whatever memory and LMDB have") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    temporary_folder folder;
    auto db =
      store::open(
        {.folder = folder.path, .partitions = 1, .flush_in_background = false})
        .value();
    std::map<std::pair<std::uint64_t, std::uint64_t>, delayed_message> model;
    for (std::uint64_t index = 1; index <= 60; ++index) {
      record what;
      what.at = {index};
      for (int i = 0; i < 40; ++i) {
        delayed_message one{{1 + random() % 300},
                            {1 + random() % 3},
                            delayed_kind::publish,
                            "s",
                            {},
                            index};
        if (random() % 3 == 0) {
          what.changes.emplace_back(erase_delayed{one.due, one.id});
          model.erase({one.due.value, one.id.value});
        } else {
          what.changes.emplace_back(put_delayed{one});
          model[{one.due.value, one.id.value}] = one;
        }
      }
      db->apply({0}, {index}, what, 100);
      if (random() % 20 == 0)
        REQUIRE(db->flush().has_value());
      wall_time due{random() % 4};
      delayed_id id{random() % 300};
      wall_time until{random() % 4};
      auto count = 1 + random() % 400;
      std::vector<delayed_message> wanted;
      for (auto at = model.upper_bound({due.value, id.value});
           at != model.end() && at->first.first <= until.value
           && wanted.size() < count;
           ++at)
        wanted.push_back(at->second);
      CHECK(db->delayed({0}, due, id, until, count).value() == wanted);
    }
  }
}

TEST_CASE("a slice of delayed messages goes past those that are damaged") {
  temporary_folder folder;
  auto open = [&] {
    return store::open({.folder = folder.path,
                        .partitions = 1,
                        .flush_in_background = false})
      .value();
  };
  {
    auto db = open();
    record what;
    for (std::uint64_t n = 1; n <= 5; ++n)
      what.changes.emplace_back(
        put_delayed{{{n}, {10 * n}, delayed_kind::publish, "s", {}}});
    db->apply({0}, {1}, what, 100);
    db->flush().value();
  }
  {
    auto file = database::open({.folder = folder.path}).value();
    auto txn = file.write().value();
    for (std::uint64_t n : {2, 3})
      txn.put(table::delayed, keys::delayed({0}, {10 * n}, {n}), "x").value();
    txn.commit().value();
  }
  auto db = open();
  CHECK(db->delayed({0}, {}, {}, {100}, 5).error() == errc::corrupt);
  auto slice = db->delayed_slice({0}, {}, {}, {100}, 3).value();
  CHECK(slice.rows.size() == 1);
  CHECK(slice.damaged == std::vector<delayed_place>{{{20}, {2}}, {{30}, {3}}});
  CHECK(slice.seen == 3);
  CHECK(slice.last == delayed_place{{30}, {3}});
  auto rest =
    db->delayed_slice({0}, slice.last.first, slice.last.second, {100}, 3)
      .value();
  CHECK(rest.rows.size() == 2);
  CHECK(rest.damaged.empty());
  CHECK(rest.seen == 2);
  auto nothing = db->delayed_slice({0}, {50}, {5}, {100}, 3).value();
  CHECK(nothing.seen == 0);
  CHECK(nothing.last == delayed_place{{50}, {5}});
}

TEST_CASE("many scheduled rows are found at once, in memory and in LMDB") {
  temporary_folder folder;
  auto db =
    store::open(
      {.folder = folder.path, .partitions = 1, .flush_in_background = false})
      .value();
  auto id = [](std::uint8_t n) {
    uuid out;
    out.bytes[0] = n;
    return out;
  };
  record older;
  for (std::uint8_t n = 1; n <= 3; ++n)
    older.changes.emplace_back(put_scheduled{id(n), {{n}, {n}, 1, "s"}});
  db->apply({0}, {1}, older, 100);
  db->flush().value();
  record newer;
  newer.changes.emplace_back(erase_scheduled{id(2)});
  newer.changes.emplace_back(put_scheduled{id(4), {{4}, {4}, 1, "s"}});
  db->apply({0}, {2}, newer, 100);
  auto rows = db->scheduled({0}, {id(4), id(2), id(9), id(1)}).value();
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]->due == wall_time{4});
  CHECK(!rows[1]);
  CHECK(!rows[2]);
  CHECK(rows[3]->due == wall_time{1});
}
