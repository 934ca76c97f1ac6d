// The order of all events: packed, read both ways, swept, checked.
#include "persistence/check.hpp"
#include "persistence/codec.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "persistence/store.hpp"
#include "tests/support/stored_events.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace callboard;
using namespace callboard::test;

namespace {

constexpr log_position begin{};
const auto end = log_position::behind({UINT64_MAX - 1});

/// Publishes to several streams of a partition, and knows the order.
struct publisher {
  explicit publisher(store* into) : db(into) {}

  store* db;
  std::map<std::uint64_t, stream_row> rows; // by number of the stream's name
  std::vector<ordered_run> runs;
  std::vector<record> log;
  std::uint64_t at = 1;

  /// One record: so many events for each of some streams.
  void publish(std::vector<std::pair<std::uint64_t, std::size_t>> streams,
               std::uint64_t keep = UINT64_MAX) {
    record what;
    what.at = {at};
    log_index index{db->applied(p0).value + 1};
    std::uint64_t fresh = 0; // ids given in this record
    for (auto& [id, count] : streams) {
      auto& row = rows[id];
      if (row.id.value == 0)
        row.id = {db->highest_ids(p0)->stream.value + ++fresh};
      runs.push_back({log_position::of({at}, p0, index, what.events.size()),
                      row.id, row.next, count});
      for (std::size_t i = 0; i < count; ++i) {
        what.events.push_back({row.id, make_event(row.next.value, 20, id)});
        row.next = row.next + 1;
      }
      if (row.next.value > keep)
        row.first_live = {row.next.value - keep};
      what.changes.emplace_back(put_stream{"s" + std::to_string(id), row});
    }
    db->apply(p0, index, what, encode(what).size());
    log.push_back(std::move(what));
  }
};

std::vector<ordered_run> expected(const std::vector<ordered_run>& all,
                                  log_position from, log_position to) {
  std::vector<ordered_run> out;
  for (auto& run : all)
    if (run.end() > from && run.first < to)
      out.push_back(run);
  return out;
}

/// What is found must be the first, or last, of what is there.
void compare(const store& db, const std::vector<ordered_run>& all,
             log_position from, log_position to, std::size_t count) {
  auto want = expected(all, from, to);
  auto some = db.order(p0, from, to, count, reading_order::oldest_first);
  REQUIRE(some.has_value());
  REQUIRE(some->size() >= std::min(count, want.size()));
  REQUIRE(some->size() <= want.size());
  REQUIRE(std::equal(some->begin(), some->end(), want.begin()));
  some = db.order(p0, from, to, count, reading_order::newest_first);
  REQUIRE(some.has_value());
  REQUIRE(some->size() >= std::min(count, want.size()));
  REQUIRE(some->size() <= want.size());
  REQUIRE(std::equal(some->begin(), some->end(), want.rbegin()));
}

std::size_t rows_of(const std::filesystem::path& folder, table where) {
  auto file = database::open({.folder = folder, .read_only = true}).value();
  auto view = file.read().value();
  auto rows = view.rows(where).value();
  std::size_t count = 0;
  for (auto row = rows.seek({}).value(); row; row = rows.next().value())
    ++count;
  return count;
}

void damage(const std::filesystem::path& folder, table where,
            const std::string& key) {
  auto file = database::open({.folder = folder}).value();
  auto txn = file.write().value();
  REQUIRE(txn.get(where, key).value().has_value());
  REQUIRE(txn.put(where, key, "damaged").has_value());
  REQUIRE(txn.commit().has_value());
}

std::vector<std::string> problems(const std::filesystem::path& folder) {
  return check(folder, folder / "no-wal", 2).problems;
}

} // namespace

TEST_CASE("the order is the log's, in memory and LMDB, forwards and back") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    temporary_folder folder;
    auto db = open_store(folder.path);
    publisher p{db.get()};
    for (int step = 0; step < 400; ++step) {
      p.at += random() % 3 == 0 ? random() % 5'000 : 0;
      std::vector<std::pair<std::uint64_t, std::size_t>> streams;
      for (auto left = 1 + random() % 3; left > 0; --left)
        streams.emplace_back(1 + random() % 4, 1 + random() % 3);
      for (std::size_t i = 1; i < streams.size(); ++i)
        if (streams[i].first == streams[i - 1].first)
          streams[i].first = streams[i - 1].first % 4 + 1;
      p.publish(streams);
      if (random() % 20 == 0)
        REQUIRE(db->flush().has_value());
      if (random() % 100 == 0) {
        db.reset();
        db = open_store(folder.path);
        for (auto i = db->applied(p0).value; i < p.log.size(); ++i)
          db->apply(p0, {i + 1}, p.log[i], encode(p.log[i]).size());
        p.db = db.get();
      }
      if (step % 20 == 0) {
        auto& from = p.runs[random() % p.runs.size()];
        auto& to = p.runs[random() % p.runs.size()];
        compare(*db, p.runs, begin, end, 1 + random() % 1'000);
        compare(*db, p.runs, from.first + random() % from.count,
                to.first + random() % 3, 1 + random() % 50);
      }
    }
    REQUIRE(db->flush().has_value());
    compare(*db, p.runs, begin, end, 10'000);
    for (auto& [id, row] : p.rows)
      CHECK(db->stream_name(p0, row.id).value() == "s" + std::to_string(id));
    CHECK(!db->stream_name(p0, {99}).value());
    db.reset();
    CHECK(problems(folder.path).empty());
  }
}

TEST_CASE("a place in the order takes few bytes") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publisher p{db.get()};
  p.at = 1'700'000'000'000;
  for (int i = 0; i < 20'000; ++i) {
    p.at += 2;
    p.publish({{std::uint64_t(1 + i % 100), 1}});
    if (i % 1'000 == 999)
      REQUIRE(db->flush().has_value());
  }
  db.reset();
  CHECK(rows_of(folder.path, table::order) <= 20'000 * 7 / 4'080 + 1);
}

TEST_CASE("what retention makes invisible leaves the order too") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publisher p{db.get()};
  p.publish({{7, 1}}); // stays
  std::size_t plateau = 0;
  for (int i = 0; i < 60'000; ++i) {
    ++p.at;
    p.publish({{std::uint64_t(1 + i % 3), 1}}, 1'000);
    if (i % 100 == 0)
      REQUIRE(db->flush().has_value());
    if (i % 10'000 == 9'999) {
      auto runs =
        db->order(p0, begin, end, 1'000'000, reading_order::oldest_first);
      if (i > 10'000)
        CHECK(runs->size() <= plateau + plateau / 2);
      else
        plateau = runs->size();
      CHECK(runs->front().stream == p.rows[7].id);
    }
  }
  REQUIRE(db->scavenge().has_value());
  CHECK(
    db->order(p0, begin, end, 1'000'000, reading_order::newest_first)->size()
    == 3'001);
  db.reset();
  CHECK(problems(folder.path).empty());
}

TEST_CASE("the check names events without a place in the order") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publisher p{db.get()};
  for (int i = 0; i < 3'000; ++i) {
    p.at += 100;
    p.publish({{std::uint64_t(1 + i % 2), 1}});
  }
  REQUIRE(db->flush().has_value());
  db.reset();
  REQUIRE(problems(folder.path).empty());
  {
    auto file = database::open({.folder = folder.path}).value();
    auto txn = file.write().value();
    std::string key;
    {
      auto rows = txn.rows(table::order).value();
      [[maybe_unused]] auto first = rows.seek({}).value();
      key = rows.next().value()->key;
    }
    REQUIRE(txn.erase(table::order, key).has_value());
    REQUIRE(txn.erase(table::names, keys::name(p0, {2})).has_value());
    REQUIRE(txn.commit().has_value());
  }
  auto found = problems(folder.path);
  REQUIRE(found.size() == 4);
  CHECK(found[0] == "stream s2: it is not found by its id");
  CHECK(
    found[1].ends_with("block of the order of events is damaged or hidden"));
  CHECK(found[2].find("has no place") != std::string::npos);
  CHECK(found[3].find("has no place") != std::string::npos);
}

TEST_CASE("a damaged block of the order stops no flush, and is told") {
  for (bool last : {false, true}) {
    INFO("the " << (last ? "last one" : "first one"));
    temporary_folder folder;
    auto db = open_store(folder.path);
    publisher p{db.get()};
    p.publish({{1, 1}, {2, 1}});
    REQUIRE(db->flush().has_value());
    for (int i = 0; i < 2'000; ++i) {
      p.at += 100'000;
      p.publish({{1, 1}});
    }
    REQUIRE(db->flush().has_value());
    db.reset();
    std::string key;
    {
      auto file =
        database::open({.folder = folder.path, .read_only = true}).value();
      auto view = file.read().value();
      auto rows = view.rows(table::order).value();
      key = last ? rows.before(keys::order({1}, {})).value()->key
                 : rows.seek({}).value()->key;
    }
    damage(folder.path, table::order, key);
    db = open_store(folder.path);
    p.db = db.get();
    auto damaged = p.runs.size();
    for (int i = 0; i < 3; ++i) {
      p.at += 100'000;
      p.publish({{1, 1}}, 1); // all that was there before is swept
      CHECK(db->flush().has_value());
    }
    CHECK(db->scavenge().has_value());
    CHECK(db->refusal() == errc::none);
    CHECK(db->flushed(p0) == db->applied(p0));
    for (auto order :
         {reading_order::oldest_first, reading_order::newest_first})
      CHECK(db->order(p0, begin, end, 1'000'000, order).error()
            == errc::corrupt);
    auto behind = db->order(p0, p.runs[damaged].first, end, 100,
                            reading_order::oldest_first);
    REQUIRE(behind.has_value());
    CHECK(behind->back() == p.runs.back());
  }
}

TEST_CASE("a damaged row of a stream stops no flush, and is written anew") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publisher p{db.get()};
  for (int i = 0; i < 10; ++i)
    p.publish({{1, 1}, {2, 1}});
  REQUIRE(db->flush().has_value());
  db.reset();
  damage(folder.path, table::streams, keys::stream(p0, "s1"));
  db = open_store(folder.path);
  p.db = db.get();
  CHECK(db->stream(p0, "s1").error() == errc::corrupt);
  p.publish({{2, 1}}, 1); // has the order swept, which asks about all streams
  CHECK(db->flush().has_value());
  CHECK(db->scavenge().has_value());
  p.publish({{1, 1}}, 5); // is a cut, as far as anybody knows
  CHECK(db->flush().has_value());
  CHECK(db->stream(p0, "s1").value() == p.rows[1]);
  CHECK(db->scavenge().has_value());
  db.reset();
  CHECK(problems(folder.path).empty());
}
