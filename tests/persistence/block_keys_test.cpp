// One flipped bit in the key of a block of events, or of the order of all:
// what is read is right or `corrupt`, and nothing is erased.
#include "persistence/codec.hpp"
#include "persistence/keys.hpp"
#include "tests/support/stored_rows.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>

using namespace callboard;
using namespace callboard::test;

namespace {

constexpr log_position begin{};
const auto end = log_position::behind({UINT64_MAX - 1});
constexpr std::uint64_t big_event = 700; // lies alone, in pieces

/// What was published to two partitions, and how it must be read.
class shelf {
public:
  explicit shelf(std::filesystem::path folder) : folder_(std::move(folder)) {
    auto db = open_store(folder_);
    for (std::uint64_t id : {1, 2, 3}) // as they are given out
      publish(*db, p0, id, 3);
    publish(*db, {1}, 1, 2);
    for (int i = 0; i < 1'600; ++i) {
      at_ += 100'000; // few runs fit into a block of the order
      publish(*db, p0, std::uint64_t(1 + i % 2), 1);
      if (i % 300 == 0)
        db->flush().value();
    }
    db->flush().value();
  }

  const std::filesystem::path& folder() const { return folder_; }

  void publish(store& db, partition_id p, std::uint64_t id, int count) {
    auto& row = rows_[{p, {id}}];
    log_index index{db.applied(p).value + 1};
    record what;
    what.at = {at_};
    row.id = {id};
    runs_[p].push_back({log_position::of(what.at, p, index, 0), row.id,
                        row.next, std::uint64_t(count)});
    for (int i = 0; i < count; ++i, row.next = row.next + 1)
      what.events.push_back({row.id, event_of(id, row.next)});
    what.changes.emplace_back(put_stream{"s" + std::to_string(id), row});
    db.apply(p, index, what, encode(what).size());
  }

  /// Publishes one more event to each stream.
  void publish_more(store& db) {
    at_ += 100'000;
    for (auto& [where, row] : std::map{rows_})
      publish(db, where.first, where.second.value, 1);
  }

  /// Takes all events away that lie before (`p`, `s`, `first`), and those of
  /// the other streams.
  void cut(store& db, partition_id p, stream_id s, event_number first) {
    for (auto& [where, row] : rows_) {
      row.first_live = where == std::pair{p, s} ? first : row.next;
      record what;
      what.at = {at_};
      what.changes.emplace_back(
        put_stream{"s" + std::to_string(row.id.value), row});
      db.apply(where.first, {db.applied(where.first).value + 1}, what, 100);
    }
  }

  /// Reads of all sizes: of each stream, and of the order.
  void compare(const store& db) const {
    for (auto& [where, row] : rows_) {
      compare(db, where, row.first_live, UINT64_MAX);
      for (auto n = row.first_live.value; n < row.next.value;
           n += 1 + row.next.value / 7)
        for (std::uint64_t count : {1, 5, 100})
          compare(db, where, {n}, count);
      if (row.next > row.first_live)
        compare(db, where, {row.next.value - 1}, 1);
    }
    for (auto& [p, runs] : runs_) {
      compare(db, p, begin, end, 1'000'000);
      for (std::size_t i = 0; i < runs.size(); i += 1 + runs.size() / 9) {
        compare(db, p, runs[i].first, end, 10);
        compare(db, p, begin, runs[i].end(), 10);
        compare(db, p, runs[i].first, runs[i].end(), 1);
      }
    }
  }

private:
  static event_ptr event_of(std::uint64_t id, event_number n) {
    return make_event(n.value, n.value == big_event ? 9'000 : 20, id);
  }

  void compare(const store& db, std::pair<partition_id, stream_id> where,
               event_number from, std::uint64_t count) const {
    auto& row = rows_.at(where);
    auto some = db.read(where.first, where.second, from, count, SIZE_MAX);
    if (!some) {
      REQUIRE(some.error() == errc::corrupt);
      return;
    }
    INFO("stream " << where.second.value << " of partition "
                   << where.first.value << " from " << from.value << ", "
                   << count);
    REQUIRE(some->size() == std::min(count, row.next.value - from.value));
    for (auto& e : *some) {
      REQUIRE(*e == *event_of(where.second.value, from));
      from = from + 1;
    }
  }

  void compare(const store& db, partition_id p, log_position from,
               log_position to, std::size_t count) const {
    std::vector<ordered_run> want;
    for (auto& run : runs_.at(p))
      if (run.end() > from && run.first < to)
        want.push_back(run);
    for (auto order :
         {reading_order::oldest_first, reading_order::newest_first}) {
      auto some = db.order(p, from, to, count, order);
      if (!some) {
        REQUIRE(some.error() == errc::corrupt);
      } else {
        INFO("order of partition " << p.value << ", " << int(order));
        REQUIRE(some->size() >= std::min(count, want.size()));
        REQUIRE(some->size() <= want.size());
        REQUIRE(std::equal(some->begin(), some->end(), want.begin()));
      }
      std::reverse(want.begin(), want.end());
    }
  }

  std::filesystem::path folder_;
  std::uint64_t at_ = 1'700'000'000'000;
  std::map<std::pair<partition_id, stream_id>, stream_row> rows_;
  std::map<partition_id, std::vector<ordered_run>> runs_;
};

struct stored_row {
  std::string key;
  std::string value;
};

std::vector<stored_row> rows_of(const std::filesystem::path& folder,
                                table where) {
  std::vector<stored_row> out;
  for (auto& [t, key, value] : all_rows(folder))
    if (t == std::size_t(where))
      out.push_back({key, value});
  return out;
}

bool has(const std::filesystem::path& folder, table where,
         const stored_row& what) {
  auto rows = rows_of(folder, where);
  return std::any_of(rows.begin(), rows.end(), [&](auto& row) {
    return row.key == what.key && row.value == what.value;
  });
}

/// The borders of each stream, or order, some in the middle, and all pieces.
std::vector<stored_row> some_of(const std::vector<stored_row>& rows,
                                std::size_t prefix, bool pieces) {
  std::vector<stored_row> out;
  auto group = [&](std::size_t i) { return rows[i].key.substr(0, prefix); };
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (i < 2 || i + 2 >= rows.size() || group(i) != group(i - 1)
        || group(i) != group(i + 1) || group(i) != group(i - 2)
        || group(i) != group(i + 2)
        || (pieces && keys::number(rows[i].key, 10, 8) == big_event))
      out.push_back(rows[i]);
  return out;
}

/// A copy of the shelf in which `row` lies under another key.
std::filesystem::path with_key(const shelf& original,
                               const std::filesystem::path& scratch,
                               table where, const stored_row& row,
                               const std::string& key) {
  std::filesystem::remove_all(scratch);
  std::filesystem::copy(original.folder(), scratch);
  auto db = database::open({.folder = scratch}).value();
  auto txn = db.write().value();
  REQUIRE(txn.erase(where, row.key).has_value());
  REQUIRE(txn.put(where, key, row.value).has_value());
  REQUIRE(txn.commit().has_value());
  return scratch;
}

/// For each byte of each key, some of its bits: reads, publishes, cuts.
void flip_keys(const shelf& original, const std::filesystem::path& scratch,
               table where, const std::vector<stored_row>& rows) {
  auto all = rows_of(original.folder(), where);
  std::size_t turn = 0;
  for (auto& row : rows)
    for (std::size_t byte = 0; byte < row.key.size(); ++byte)
      for (auto bit : {turn % 2, 1 + ++turn % 7}) {
        stored_row moved{row.key, row.value};
        moved.key[byte] = char(moved.key[byte] ^ (1 << bit));
        if (std::any_of(all.begin(), all.end(),
                        [&](auto& x) { return x.key == moved.key; }))
          continue; // LMDB cannot hold it
        INFO("row " << &row - rows.data() << " byte " << byte << " bit "
                    << bit);
        auto folder = with_key(original, scratch, where, row, moved.key);
        auto known = original;
        auto db = open_store(folder);
        known.compare(*db);
        known.publish_more(*db);
        [[maybe_unused]] auto told = db->flush();
        known.compare(*db);
        // Its own events stay alive.
        auto first = where == table::events ? keys::number(row.key, 10, 8) : 0;
        auto stream = where == table::events ? keys::number(row.key, 2, 8) : 0;
        known.cut(*db, {keys::number(row.key, 0, 2)}, {stream}, {first});
        told = db->scavenge();
        db.reset();
        REQUIRE(has(folder, where, moved));
      }
}

} // namespace

TEST_CASE("a bit in the key of events is told, and loses nothing") {
  temporary_folder folder;
  shelf original{folder.path / "shelf"};
  auto rows = some_of(rows_of(original.folder(), table::events), 10, true);
  REQUIRE(rows.size() >= 14);
  flip_keys(original, folder.path / "copy", table::events, rows);
}

TEST_CASE("a bit in the key of a block of the order is told") {
  temporary_folder folder;
  shelf original{folder.path / "shelf"};
  auto rows = rows_of(original.folder(), table::order);
  REQUIRE(rows.size() >= 4);
  flip_keys(original, folder.path / "copy", table::order, rows);
}

TEST_CASE("a block that fits another stream by its number is not read as its") {
  temporary_folder folder;
  shelf original{folder.path / "shelf"};
  auto row = rows_of(original.folder(), table::events).at(1);
  auto first = keys::number(row.key, 10, 8);
  {
    auto db = open_store(original.folder());
    original.publish(*db, p0, 4, int(first));
    db->flush().value();
  }
  stored_row moved{keys::block(p0, {4}, {first}), row.value};
  with_key(original, folder.path / "copy", table::events, row, moved.key);
  auto db = open_store(folder.path / "copy");
  original.compare(*db);
  CHECK(db->read(p0, {4}, {0}, first, SIZE_MAX)->size() == first);
  CHECK(db->read(p0, {4}, {0}, first + 1, SIZE_MAX).error() == errc::corrupt);
  CHECK(db->read(p0, {4}, {first}, 1, SIZE_MAX).error() == errc::corrupt);
}

TEST_CASE("no block is written over one that lost its place") {
  temporary_folder folder;
  shelf original{folder.path / "shelf"};
  auto row = rows_of(original.folder(), table::events).front();
  stored_row moved{keys::block(p0, {4}, {0}), row.value};
  with_key(original, folder.path / "copy", table::events, row, moved.key);
  auto db = open_store(folder.path / "copy");
  original.publish(*db, p0, 4, 1);
  CHECK(db->flush().error() == errc::corrupt);
  original.compare(*db);
  db.reset();
  CHECK(has(folder.path / "copy", table::events, moved));
}
