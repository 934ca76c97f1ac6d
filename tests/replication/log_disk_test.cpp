// What a member writes, read again.
#include "actors/replication/log_batch.hpp"
#include "actors/replication/log_disk.hpp"
#include "actors/replication/raft_driver.hpp"
#include "tests/replication/journal_cluster.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <condition_variable>
#include <fstream>

using namespace callboard;
using namespace callboard::test;

namespace {

log_entry entry(entry_term term, const std::string& payload) {
  return {term, entry_kind::command,
          std::make_shared<const std::string>(payload)};
}

member_state some_state() {
  member_state out;
  out.self = 2;
  out.starts = 7;
  out.vote = {3, 1};
  out.base = {10, 2, 1, encode_voters(std::vector<raft_id>{1, 2, 3}), {}};
  return out;
}

std::string text_of(const stored_member& member) {
  std::string out;
  for (auto& one : member.entries)
    out += std::to_string(one.term) + *one.payload + " ";
  return out;
}

/// As a full disk: no file of the log can be made, whatever it would be called.
void fill_up(const std::filesystem::path& wal) {
  for (int i = 0; i < 1'000; ++i) {
    auto name = std::to_string(i);
    name = std::string(12 - name.size(), '0') + name + ".spare";
    std::error_code exists;
    std::filesystem::create_symlink("/dev/full", wal / name, exists);
  }
}

/// A disk that can be waited for.
class waited_disk {
public:
  waited_disk(const std::filesystem::path& folder, const member_state& state) {
    std::string diagnosis;
    auto log = open_log(folder / "wal", state, diagnosis);
    REQUIRE(log.has_value());
    found = text_of(*log);
    disk.emplace(std::move(log->files), folder / "member", state,
                 [this](std::size_t count) {
                   {
                     std::lock_guard lock{mutex_};
                     done_ += count;
                   }
                   changed_.notify_one();
                 });
  }

  void put_and_wait(std::vector<log_disk::step> steps) {
    auto count = steps.size();
    for (auto& one : steps)
      disk->put(std::move(one));
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds{20},
                              [&] { return done_ >= count; }));
    done_ -= count;
  }

private:
  std::mutex mutex_; // these outlive the disk's thread
  std::condition_variable changed_;
  std::size_t done_ = 0;

public:
  std::string found;
  std::optional<log_disk> disk;
};

/// Entries of a kilobyte, from 11 on: several files.
void put_up_to_60(log_disk& disk) {
  for (entry_index i = 11; i <= 60; ++i)
    disk.put({.first = i, .entries = {entry(3, std::string(1000, 'x'))}});
}

} // namespace

TEST_CASE("a batch holds what the journal took") {
  std::vector<journal_entry> entries{{{3}, {1}, 0, "one"},
                                     {{3}, {2}, 0, std::string(1000, 'x')},
                                     {{0}, {9}, 0, ""}};
  auto bytes = encode_batch(entries);
  auto read = decode_batch(bytes);
  REQUIRE(read.has_value());
  REQUIRE(read->size() == 3);
  CHECK((*read)[1].partition == partition_id{3});
  CHECK((*read)[1].index == log_index{2});
  CHECK((*read)[1].body == entries[1].body);
  CHECK((*read)[2].partition == partition_id{0});
  CHECK(decode_batch(std::string{"\7", 1}).error() == errc::unknown_format);
  CHECK(decode_batch({}).error() == errc::corrupt);
  CHECK(
    decode_batch(std::string_view{bytes}.substr(0, bytes.size() - 1)).error()
    == errc::corrupt);
}

TEST_CASE("a member file says what was saved, or that it is damaged") {
  temporary_folder folder;
  auto file = folder.path / "member";
  auto none = load_member(file);
  REQUIRE(none.has_value());
  CHECK(!*none);
  REQUIRE(save_member(file, some_state()).has_value());
  auto read = load_member(file);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK((*read)->self == 2);
  CHECK((*read)->starts == 7);
  CHECK((*read)->vote.term == 3);
  CHECK((*read)->vote.vote == 1);
  CHECK((*read)->base.index == 10);
  CHECK((*read)->base.configuration == some_state().base.configuration);
  auto size = std::filesystem::file_size(file);
  for (std::size_t at = 0; at < size; ++at) {
    REQUIRE(save_member(file, some_state()).has_value());
    std::fstream damage{file};
    damage.seekg(std::streamoff(at));
    auto byte = char(damage.get());
    damage.seekp(std::streamoff(at));
    damage.put(char(byte ^ 4));
    damage.close();
    INFO("byte " << at);
    CHECK(load_member(file).error() == errc::corrupt);
  }
}

TEST_CASE("a log is read back behind its base, with its tail replaced") {
  temporary_folder folder;
  auto state = some_state();
  {
    waited_disk on{folder.path, state};
    on.put_and_wait({{.first = 11, .entries = {entry(3, "a"), entry(3, "b")}},
                     {.first = 13, .entries = {entry(3, "c")}}});
    on.put_and_wait(
      {{.vote = hard_state{4, 3}, .first = 12, .entries = {entry(4, "B")}}});
  }
  auto saved = load_member(folder.path / "member");
  REQUIRE(saved.has_value());
  REQUIRE(saved->has_value());
  CHECK((*saved)->vote.term == 4);
  CHECK((*saved)->vote.vote == 3);
  {
    waited_disk again{folder.path, **saved};
    CHECK(again.found == "3a 4B ");
    auto base = state.base;
    base.index = 11;
    base.term = 3;
    again.put_and_wait({{.base = base, .recovering = true}});
  }
  saved = load_member(folder.path / "member");
  REQUIRE(saved.has_value());
  CHECK((*saved)->recovering);
  CHECK(waited_disk(folder.path, **saved).found == "4B ");
}

TEST_CASE("a log with a gap is damaged") {
  temporary_folder folder;
  auto state = some_state();
  {
    waited_disk on{folder.path, state};
    on.put_and_wait({{.first = 11, .entries = {entry(3, "a")}},
                     {.first = 12, .entries = {entry(3, "b")}}});
  }
  state.base.index = 5;
  std::string diagnosis;
  CHECK(open_log(folder.path / "wal", state, diagnosis).error()
        == errc::corrupt);
}

TEST_CASE("what is kept for another member is let go of once it has it") {
  temporary_folder folder;
  auto state = some_state();
  std::string diagnosis;
  constexpr std::size_t file_bytes = 8192;
  auto log = open_log(folder.path / "wal", state, diagnosis, file_bytes);
  REQUIRE(log.has_value());
  log_disk disk{std::move(log->files), folder.path / "member", state,
                [](std::size_t) {}, 100 * file_bytes};
  put_up_to_60(disk);
  disk.keep_for_others(12);
  auto base = state.base;
  base.index = 55;
  disk.put({.base = base});
  CHECK(eventually([&] {
    return load_member(folder.path / "member")
             .value()
             .value_or(member_state{})
             .base.index
           == 55;
  }));
  CHECK(eventually([&] { return disk.read(60).has_value(); }));
  disk.tidy();
  CHECK(disk.first_readable() == 11);
  disk.keep_for_others(40);
  disk.tidy();
  CHECK(disk.first_readable() > 20);
  CHECK(disk.first_readable() <= 40);
  disk.keep_for_others(UINT64_MAX); // and nothing more is written
  CHECK(eventually([&] { return disk.first_readable() > 40; }));
  CHECK(disk.first_readable() <= 56);
}

TEST_CASE("what a new base made needless goes without another flush") {
  temporary_folder folder;
  auto state = some_state();
  std::string diagnosis;
  auto log = open_log(folder.path / "wal", state, diagnosis, 8192);
  REQUIRE(log.has_value());
  log_disk disk{std::move(log->files), folder.path / "member", state,
                [](std::size_t) {}};
  put_up_to_60(disk);
  CHECK(eventually([&] { return disk.read(60).has_value(); }));
  auto base = state.base;
  base.index = 55;
  disk.put({.base = base}); // nobody tidies afterwards
  CHECK(eventually([&] { return disk.first_readable() > 40; }));
  CHECK(disk.first_readable() <= 56);
}

TEST_CASE("on a full disk what is kept for others makes room for what comes") {
  temporary_folder folder;
  auto state = some_state();
  std::string diagnosis;
  auto log = open_log(folder.path / "wal", state, diagnosis, 8192);
  REQUIRE(log.has_value());
  log_disk disk{std::move(log->files), folder.path / "member", state,
                [](std::size_t) {}, 100 * 8192};
  disk.keep_for_others(11);
  put_up_to_60(disk);
  auto base = state.base;
  base.index = 55;
  disk.put({.base = base});
  disk.put({.first = 61, .entries = {entry(3, "last")}});
  REQUIRE(eventually([&] { return disk.read(61).has_value(); }));
  REQUIRE(disk.first_readable() == 11);
  fill_up(folder.path / "wal");
  disk.tidy();
  CHECK(disk.no_spare() == errc::none);
  CHECK(disk.first_readable() > 40);
  CHECK(disk.first_readable() <= 56);
}

TEST_CASE("a base that a full disk cannot take stops no entries") {
  temporary_folder folder;
  auto state = some_state();
  auto file = folder.path / "member";
  REQUIRE(save_member(file, state).has_value());
  waited_disk on{folder.path, state};
  auto spare = folder.path / "member.new";
  std::filesystem::remove(spare);
  std::filesystem::create_symlink("/dev/full", spare);
  auto base = state.base;
  base.index = 11;
  base.term = 3;
  on.put_and_wait(
    {{.base = base}, {.first = 11, .entries = {entry(3, "a"), entry(3, "b")}}});
  CHECK(on.disk->read(12).has_value());
  CHECK(load_member(file).value().value().base.index == 10);
  std::filesystem::remove(spare);
  on.put_and_wait({{.first = 13, .entries = {entry(3, "c")}}});
  CHECK(load_member(file).value().value().base.index == 11);
}

TEST_CASE("a tail that the base replaced is no part of the log") {
  temporary_folder folder;
  auto state = some_state();
  {
    waited_disk on{folder.path, state};
    on.put_and_wait({{.first = 11, .entries = {entry(3, "a"), entry(3, "b")}},
                     {.first = 13, .entries = {entry(3, "c"), entry(3, "d")}}});
  }
  // What replaced them, from 12 on, was lost with the power: the base was not.
  state.base.index = 12;
  state.base.term = 5;
  {
    waited_disk again{folder.path, state};
    CHECK(again.found.empty());
    again.put_and_wait({{.first = 13, .entries = {entry(5, "C")}}});
    auto read = again.disk->read(13);
    REQUIRE(read.has_value());
    REQUIRE(read->size() == 1);
    CHECK(read->front().term == 5);
    CHECK(*read->front().payload == "C");
    CHECK(again.disk->read(14).error() == errc::not_found);
  }
  CHECK(waited_disk(folder.path, state).found == "5C ");
}

TEST_CASE("of a batch nothing is written that its own later steps replace") {
  auto step = [](entry_index first, std::size_t count) {
    log_disk::step out;
    out.first = first;
    out.entries.resize(count);
    return out;
  };
  using counts = std::vector<std::size_t>;
  CHECK(lasting_entries({}).empty());
  CHECK(lasting_entries({step(5, 3), step(8, 2)}) == counts{3, 2});
  CHECK(lasting_entries({step(5, 3), {}, step(6, 1)}) == counts{1, 0, 1});
  CHECK(lasting_entries({step(5, 3), step(8, 9), step(4, 1), step(5, 2)})
        == counts{0, 0, 1, 2});
}
