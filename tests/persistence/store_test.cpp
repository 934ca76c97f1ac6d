// The store: blocks, pages, retention, damage, quota, readers beside the
// flusher.
#include "actors/core/names.hpp"
#include "persistence/check.hpp"
#include "persistence/codec.hpp"
#include "persistence/database.hpp"
#include "persistence/store.hpp"
#include "tests/support/stored_events.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Appends `count` events of `bytes` to stream 1 ("s") in one record.
void publish(store& db, std::uint64_t first, std::size_t count,
             std::size_t bytes, event_number first_live = {}) {
  record what;
  what.at = {first + 1};
  for (std::size_t i = 0; i < count; ++i)
    what.events.push_back({{1}, make_event(first + i, bytes)});
  stream_row row;
  row.id = {1};
  row.next = {first + count};
  row.first_live = first_live;
  what.changes.emplace_back(put_stream{"s", row});
  db.apply(p0, {db.applied(p0).value + 1}, what, encode(what).size());
}

std::vector<std::uint64_t> numbers(const std::vector<event_ptr>& events) {
  std::vector<std::uint64_t> out;
  for (auto& e : events)
    out.push_back(e->number.value);
  return out;
}

} // namespace

TEST_CASE("events of every size come back from LMDB as they were") {
  temporary_folder folder;
  std::vector<std::size_t> sizes{0,       1,         100,   3'900, 3'990,
                                 4'000,   4'030,     4'080, 4'081, 8'200,
                                 100'000, 2'000'000, 5};
  auto db = open_store(folder.path);
  std::uint64_t n = 0;
  for (auto bytes : sizes) {
    publish(*db, n++, 1, bytes);
    REQUIRE(db->flush().has_value());
  }
  db = open_store(folder.path);
  auto all = db->read(p0, {1}, {0}, 100, SIZE_MAX).value();
  REQUIRE(all.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i)
    CHECK(*all[i] == *make_event(i, sizes[i]));
  CHECK(numbers(db->read(p0, {1}, {5}, 3, SIZE_MAX).value())
        == std::vector<std::uint64_t>{5, 6, 7});
  CHECK(db->read(p0, {1}, {13}, 3, SIZE_MAX).value().empty());
}

TEST_CASE("small events share blocks, and the last one is filled up") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  for (std::uint64_t n = 0; n < 400; ++n) {
    publish(*db, n, 1, 50);
    REQUIRE(db->flush().has_value());
  }
  auto file = database::open({.folder = folder.path, .read_only = true});
  db.reset();
  file = database::open({.folder = folder.path, .read_only = true});
  auto view = file->read().value();
  auto rows = view.rows(table::events).value();
  std::size_t blocks = 0;
  for (auto row = rows.seek({}).value(); row; row = rows.next().value())
    ++blocks;
  CHECK(blocks < 400 * 120 / 4080 + 3);
}

TEST_CASE("a page in bytes stops behind the event that fills it") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publish(*db, 0, 20, 1'000);
  REQUIRE(db->flush().has_value());
  CHECK(db->read(p0, {1}, {0}, 20, 1)->size() == 1);
  auto some = db->read(p0, {1}, {0}, 20, 5'000)->size();
  CHECK(some >= 4);
  CHECK(some <= 6);
}

TEST_CASE("memory and LMDB together are one stream") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publish(*db, 0, 10, 100);
  REQUIRE(db->flush().has_value()); // and evicted: nothing stays in memory
  CHECK(!db->try_read(p0, {1}, {0}, 1, SIZE_MAX));
  publish(*db, 10, 10, 100);
  CHECK(db->try_read(p0, {1}, {10}, 100, SIZE_MAX)->size() == 10);
  CHECK(numbers(db->read(p0, {1}, {8}, 4, SIZE_MAX).value())
        == std::vector<std::uint64_t>{8, 9, 10, 11});
}

TEST_CASE("what retention makes invisible gives its blocks back") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  auto file = folder.path / "data.mdb";
  std::uintmax_t plateau = 0;
  for (std::uint64_t n = 0; n < 20'000; n += 100) {
    publish(*db, n, 100, 1'000, {n >= 1'000 ? n - 1'000 : 0});
    REQUIRE(db->flush().has_value());
    if (n == 12'000)
      plateau = std::filesystem::file_size(file);
  }
  CHECK(std::filesystem::file_size(file) <= plateau + plateau / 4);
  auto left = db->read(p0, {1}, {18'900}, 5'000, SIZE_MAX).value();
  CHECK(left.size() == 1'100);
}

TEST_CASE("ids are remembered over a restart, in order") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  publish(*db, 0, 250, 10);
  REQUIRE(db->flush().has_value());
  publish(*db, 250, 3, 10);
  auto check_ids = [&] {
    auto ids = db->recent_ids(p0).value();
    REQUIRE(ids.size() >= 250);
    for (std::size_t i = 0; i < ids.size(); ++i)
      REQUIRE(ids[i] == remembered_id{make_event(i, 0)->id, {1}, {i}});
  };
  check_ids();
  CHECK(db->recent_ids(p0)->size() == 253);
  db = open_store(folder.path);
  check_ids();
}

TEST_CASE("an event without an id takes no room among the remembered ids") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  record what;
  what.events.push_back({{1}, std::make_shared<event>()});
  stream_row row;
  row.id = {1};
  row.next = {1};
  what.changes.emplace_back(put_stream{"s", row});
  db->apply(p0, {1}, what, 10);
  CHECK(db->recent_ids(p0)->empty());
  REQUIRE(db->flush().has_value());
  CHECK(db->recent_ids(p0)->empty());
}

TEST_CASE("ids of streams and groups are never used again") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  record what;
  group_row row;
  row.id = {17};
  what.changes.emplace_back(put_group{"s", "g", row});
  what.changes.emplace_back(erase_group{"s", "g"});
  db->apply(p0, {1}, what, 10);
  REQUIRE(db->flush().has_value());
  db = open_store(folder.path);
  CHECK(db->highest_ids(p0)->group == group_id{17});
}

TEST_CASE("a flipped bit in a stored event is told, and never served") {
  temporary_folder folder;
  {
    auto db = open_store(folder.path);
    publish(*db, 0, 40, 500);
    REQUIRE(db->flush().has_value());
  }
  auto path = folder.path / "data.mdb";
  std::string bytes;
  {
    std::ifstream in{path, std::ios::binary};
    bytes.assign(std::istreambuf_iterator<char>{in}, {});
  }
  // The data of events: runs of one letter. Flip a bit in each tenth run.
  int told = 0;
  for (std::size_t at = 0; at + 300 < bytes.size(); ++at) {
    if (bytes[at] < 'a' || bytes[at] > 'z'
        || bytes.compare(at, 300, std::string(300, bytes[at])) != 0)
      continue;
    auto damaged = bytes;
    damaged[at + 100] = char(damaged[at + 100] ^ 4);
    std::ofstream{path, std::ios::binary} << damaged;
    auto db = open_store(folder.path);
    auto read = db->read(p0, {1}, {0}, 40, SIZE_MAX);
    if (read) { // it was a page that LMDB does not use any more
      REQUIRE(read->size() == 40);
      for (std::uint64_t n = 0; n < 40; ++n)
        REQUIRE(*(*read)[n] == *make_event(n, 500));
    } else {
      CHECK(read.error() == errc::corrupt);
      db.reset();
      CHECK(!check(folder.path, folder.path / "no-wal", 2).problems.empty());
      ++told;
    }
    at += 5'000;
  }
  CHECK(told >= 3);
}

TEST_CASE("a quota is told once it is used up, and readers go on") {
  temporary_folder folder;
  auto db = store::open({.folder = folder.path,
                         .partitions = 2,
                         .disk_bytes_max = 200'000,
                         .flush_in_background = false})
              .value();
  std::uint64_t n = 0;
  while (db->refusal() == errc::none && n < 10'000) {
    publish(*db, n, 10, 1'000);
    n += 10;
    REQUIRE(db->flush().has_value());
  }
  CHECK(db->refusal() == errc::storage_full);
  CHECK(n < 1'000);
  CHECK(db->read(p0, {1}, {0}, n, SIZE_MAX)->size() == n);
  publish(*db, n, 1, 10, {n}); // a delete: makes room
  REQUIRE(db->flush().has_value());
  REQUIRE(db->scavenge().has_value());
  REQUIRE(db->flush().has_value());
  publish(*db, n + 1, 1, 10, {n});
  REQUIRE(db->flush().has_value());
  CHECK(db->refusal() == errc::none);
}

TEST_CASE("readers see whole streams while the flusher works") {
  temporary_folder folder;
  auto db = store::open({.folder = folder.path,
                         .partitions = 2,
                         .recent_bytes_max = 50'000,
                         .flush_bytes = 20'000})
              .value();
  std::atomic<std::uint64_t> published{0};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r)
    readers.emplace_back([&, r] {
      std::mt19937_64 random{std::uint64_t(r)};
      while (!done) {
        auto end = published.load();
        if (end == 0)
          continue;
        auto from = random() % end;
        auto count = std::min<std::uint64_t>(end - from, 50);
        auto got = db->read(p0, {1}, {from}, count, SIZE_MAX);
        if (!got || got->size() != count || got->front()->number.value != from)
          ++wrong;
      }
    });
  for (std::uint64_t n = 0; n < 20'000; n += 10) {
    publish(*db, n, 10, 200);
    published = n + 10;
  }
  done = true;
  for (auto& one : readers)
    one.join();
  CHECK(wrong == 0);
}

TEST_CASE("a store of another format is refused") {
  auto format = GENERATE("1", "4", "6");
  temporary_folder folder;
  {
    auto db = database::open({.folder = folder.path}).value();
    auto txn = db.write().value();
    REQUIRE(txn.put(table::meta, "format", format).has_value());
    REQUIRE(txn.commit().has_value());
  }
  CHECK(
    store::open({.folder = folder.path, .flush_in_background = false}).error()
    == errc::unknown_format);
}

TEST_CASE("consumers and positions are found, before and after a flush") {
  temporary_folder folder;
  auto db = open_store(folder.path);
  record what;
  what.changes = {put_consumer{{"c1", {}}, {"g", {"t"}, 1, {5}}},
                  put_consumer{{"c1", "g"}, {"g", {"u"}, 2, {6}}},
                  put_consumer{{"c2", {}}, {"g", {"t"}, 3, {7}}},
                  put_position{"g", "t", {10}},
                  put_position{"g", "u@0", {4}},
                  put_position{"gg", "t", {99}}};
  db->apply({0}, {1}, what, 100);
  record later;
  later.changes = {erase_consumer{{"c2", {}}}, put_position{"g", "t", {11}}};
  for (int round = 0; round < 2; ++round) {
    auto consumers = db->consumers().value();
    CHECK(consumers.size() == (round == 0 ? 3 : 2));
    CHECK(consumers.front().first == consumer_key{"c1", {}});
    CHECK(consumers.back().second.topics == std::vector<std::string>{"u"});
    auto at = db->positions({0}, "g").value();
    REQUIRE(at.size() == 2);
    CHECK(at[0]
          == std::pair{std::string{"t"}, event_number{round == 0 ? 10U : 11U}});
    CHECK(at[1] == std::pair{std::string{"u@0"}, event_number{4}});
    CHECK(db->positions({1}, "g").value().empty());
    db->flush().value();
    if (round == 0)
      db->apply({0}, {2}, later, 100);
  }
}
