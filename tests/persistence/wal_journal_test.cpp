// Group commit: order, few flushes, and what a failure takes with it.
#include "persistence/wal_journal.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

/// Collects what the journal tells, and waits for it with a deadline.
struct listener {
  journal_events events() {
    return {[this](partition_id p, log_index index) {
              std::lock_guard lock{mutex};
              flushed.emplace_back(p, index);
              changed.notify_all();
            },
            [this](partition_id p, errc why) {
              std::lock_guard lock{mutex};
              failed.emplace_back(p, why);
              changed.notify_all();
            }};
  }

  bool wait_flushed(partition_id p, log_index index) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, [&] {
      return !flushed.empty()
             && std::find(flushed.begin(), flushed.end(), std::pair{p, index})
                  != flushed.end();
    });
  }

  /// Whether it was flushed, once that is known.
  bool wait_flushed_or_failed(partition_id p, log_index index) {
    std::unique_lock lock{mutex};
    auto seen = [&] {
      return std::find(flushed.rbegin(), flushed.rend(), std::pair{p, index})
             != flushed.rend();
    };
    changed.wait_for(lock, 10s, [&] { return seen() || !failed.empty(); });
    return seen();
  }

  bool wait_failed(std::size_t count) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, [&] { return failed.size() >= count; });
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<partition_id, log_index>> flushed;
  std::vector<std::pair<partition_id, errc>> failed;
};

std::unique_ptr<wal> new_wal(const std::filesystem::path& folder,
                             std::vector<std::uint64_t>* seen = nullptr) {
  std::string diagnosis;
  return *wal::open(
    {folder, std::size_t{1} << 20},
    [&](const wal_format::entry_view& e) -> result<void> {
      if (seen != nullptr)
        seen->push_back(e.index.value);
      return {};
    },
    diagnosis);
}

} // namespace

TEST_CASE("many entries share few flushes, and all are on disk in order") {
  temporary_folder folder;
  listener told;
  {
    wal_journal log{new_wal(folder.path), {{0}, {0}}, told.events()};
    for (std::uint64_t i = 1; i <= 5000; ++i)
      log.append({{0}, {i}, 1, "body"});
    REQUIRE(told.wait_flushed({0}, {5000}));
    CHECK(log.counts().flushes < 2500);
    CHECK(log.waiting_bytes() == 0);
  }
  std::vector<std::uint64_t> seen;
  new_wal(folder.path, &seen);
  REQUIRE(seen.size() == 5000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("who wakes a journal writes itself while little is going on") {
  temporary_folder folder;
  std::vector<std::uint64_t> seen;
  {
    listener told;
    std::atomic<int> here{0};
    std::function<void()> meanwhile;
    auto events = told.events();
    events.flushed = [&, tell = events.flushed,
                      self = std::this_thread::get_id()](partition_id p,
                                                         log_index index) {
      here += std::this_thread::get_id() == self;
      tell(p, index);
      if (auto call = std::exchange(meanwhile, nullptr))
        call();
    };
    events.wakes_later = [] { return true; };
    wal_journal log{new_wal(folder.path), {{0}}, events, 1h};
    std::uint64_t index = 0;
    auto append_only = [&](int count) {
      for (int i = 0; i < count; ++i)
        log.append({{0}, {++index}, 1, "body"});
      auto before = here.load();
      log.wake();
      return here > before;
    };
    auto append = [&](int count) {
      auto before = here.load();
      append_only(count);
      CHECK(told.wait_flushed({0}, {index}));
      std::this_thread::yield(); // so that who wrote comes to its end
      return here > before;
    };
    auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!append(1) && std::chrono::steady_clock::now() < deadline)
      ;
    CHECK(append(2));
    meanwhile = [&] { // an actor decides once more, before the write is over
      CHECK(!append_only(1));
    };
    CHECK(append(1));
    CHECK(told.wait_flushed({0}, {index})); // by the journal's thread
    CHECK(!append(3)); // others of this thread would wait for it
    CHECK(!append(1)); // it has to be calm for a while again
    CHECK(log.counts().entries == index);
  }
  new_wal(folder.path, &seen);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.size() == seen.back());
}

TEST_CASE("whoever writes, nothing is lost or written twice") {
  temporary_folder folder;
  listener told;
  constexpr std::uint64_t each = 2000;
  std::atomic<int> lost{0};
  {
    auto events = told.events();
    events.wakes_later = [] { return true; };
    wal_journal log{new_wal(folder.path), {{0}, {0}, {0}}, events, 1h};
    std::vector<std::thread> threads;
    for (std::uint64_t p = 0; p < 3; ++p)
      threads.emplace_back([&, p] {
        std::mt19937 random{unsigned(p)};
        for (std::uint64_t i = 1; i <= each;) {
          auto end = std::min(each, i + random() % 4);
          for (; i <= end; ++i)
            log.append({{p}, {i}, 1, "body"});
          log.wake();
          if (random() % 8 == 0) // others are alone for a while
            lost += !told.wait_flushed({p}, {end});
        }
      });
    for (auto& one : threads)
      one.join();
    CHECK(lost == 0);
    for (std::uint64_t p = 0; p < 3; ++p)
      CHECK(told.wait_flushed({p}, {each}));
    CHECK(log.counts().entries == 3 * each);
    CHECK(log.waiting_bytes() == 0);
  }
  std::vector<std::uint64_t> seen;
  new_wal(folder.path, &seen);
  CHECK(seen.size() == 3 * each);
}

TEST_CASE("what waits when the journal ends is written") {
  temporary_folder folder;
  listener told;
  {
    wal_journal log{new_wal(folder.path), {{0}}, told.events()};
    for (std::uint64_t i = 1; i <= 100; ++i)
      log.append({{0}, {i}, 1, "body"});
  }
  std::vector<std::uint64_t> seen;
  new_wal(folder.path, &seen);
  CHECK(seen.size() == 100);
}

TEST_CASE("entries that were decided on top of a lost one are dropped") {
  temporary_folder folder;
  listener told;
  {
    wal_journal log{new_wal(folder.path), {{0}}, told.events()};
    log.append({{0}, {1}, 1, "one"});
    REQUIRE(told.wait_flushed({0}, {1}));
    log.append({{0}, {3}, 1, "of a lost two"}); // 2 failed, say
    log.append({{0}, {2}, 1, "two, again"});
    REQUIRE(told.wait_flushed({0}, {2}));
  }
  std::vector<std::uint64_t> seen;
  new_wal(folder.path, &seen);
  CHECK(seen == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("publishing stops while a whole file is left to settle with") {
  temporary_folder folder;
  listener told;
  constexpr std::size_t file_bytes = std::size_t{1} << 20; // of `new_wal`
  wal_journal log{new_wal(folder.path), {{0}}, told.events()};
  std::uint64_t index = 0;
  auto append = [&] {
    log.append({{0}, {++index}, 1, std::string(10'000, 'x')});
    return told.wait_flushed_or_failed({0}, {index});
  };
  REQUIRE(append());
  log.release({{0}}); // LMDB has nothing, so no file becomes a spare one
  REQUIRE(log.publishing_refusal() == errc::none);
  // The disk is full: whatever a new file would be called, it cannot be made.
  std::error_code exists;
  for (int i = 0; i < 1'000; ++i) {
    auto name = std::to_string(i);
    std::filesystem::create_directory(
      folder.path / (std::string(12 - name.size(), '0') + name + ".spare"),
      exists);
  }
  while (log.publishing_refusal() == errc::none) {
    REQUIRE(index < 1'000);
    REQUIRE(append());
    log.release({{0}});
  }
  CHECK(log.refusal() == errc::none);
  auto before = log.counts().bytes;
  while (log.counts().bytes - before < file_bytes)
    REQUIRE(append());
  // And it ends at last.
  while (append())
    REQUIRE(index < 1'000);
  CHECK(log.refusal() != errc::none);
}

TEST_CASE("a disk that fails is told, and used again when it works") {
  temporary_folder folder;
  listener told;
  auto files = folder.path / "wal";
  wal_journal log{new_wal(files), {{0}}, told.events()};
  log.append({{0}, {1}, 1, "one"});
  REQUIRE(told.wait_flushed({0}, {1}));
  // The folder goes away: the open file still works, a new one does not.
  auto away = folder.path / "away";
  std::filesystem::rename(files, away);
  std::uint64_t index = 1;
  while (told.failed.empty() && index < 1000) {
    log.append({{0}, {++index}, 1, std::string(10'000, 'x')});
    std::unique_lock lock{told.mutex};
    told.changed.wait_for(lock, 10s, [&] {
      return !told.failed.empty()
             || told.flushed.back().second == log_index{index};
    });
  }
  REQUIRE(told.wait_failed(1));
  CHECK(log.refusal() != errc::none);
  std::filesystem::rename(away, files);
  auto deadline = std::chrono::steady_clock::now() + 10s;
  while (log.refusal() != errc::none
         && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CHECK(log.refusal() == errc::none);
  log.append({{0}, {index}, 1, "again"});
  CHECK(told.wait_flushed({0}, {index}));
}
