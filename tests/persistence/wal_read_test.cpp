// What was flushed and is read again while the log goes on.
#include "persistence/wal.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

using namespace callboard;
using namespace callboard::test;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<wal> open_readable(const fs::path& folder,
                                   std::size_t file_bytes,
                                   std::uint64_t from = 1) {
  std::string diagnosis;
  auto out = wal::open(
    {folder, file_bytes, log_index{from}}, [](auto&) { return result<void>{}; },
    diagnosis);
  REQUIRE(out.has_value());
  return std::move(*out);
}

journal_entry entry(std::uint64_t index, std::string body) {
  return {{0}, {index}, 1, std::move(body)};
}

void append(wal& log, const std::vector<journal_entry>& some) {
  REQUIRE(log.append(some).has_value());
}

/// Every entry of `said` is read, and what lies with it; nothing else is.
void check_all(const wal& log, const std::map<std::uint64_t, std::string>& said,
               std::uint64_t end) {
  for (std::uint64_t i = 0; i <= end; ++i) {
    INFO("entry " << i);
    auto some = log.read({i});
    if (!said.contains(i)) {
      REQUIRE(some.error() == errc::not_found);
      continue;
    }
    REQUIRE(some.has_value());
    for (std::size_t k = 0; k < some->size(); ++k) {
      REQUIRE((*some)[k].index.value == i + k);
      REQUIRE((*some)[k].body == said.at(i + k));
    }
  }
}

} // namespace

TEST_CASE("entries are read again, over files and restarts") {
  temporary_folder folder;
  std::map<std::uint64_t, std::string> said;
  {
    auto log = open_readable(folder.path, 1 << 16);
    for (std::uint64_t i = 1; i <= 300; ++i) {
      said[i] = std::to_string(i) + std::string(1000, 'x');
      append(*log, {entry(i, said[i])});
    }
    check_all(*log, said, 310);
    CHECK(log->read({1})->size() > 40); // a file's, at once
  }
  for (std::uint64_t i = 1; i < 100; ++i)
    said.erase(i);
  auto log = open_readable(folder.path, 1 << 16, 100);
  check_all(*log, said, 310);
  CHECK(log->first_readable() == log_index{100});
}

TEST_CASE("a replaced tail is not read again") {
  std::mt19937_64 random{11};
  for (int seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    temporary_folder folder;
    std::map<std::uint64_t, std::string> said;
    std::uint64_t end = 0;
    {
      auto log = open_readable(folder.path, 1 << 15);
      for (int frame = 0; frame < 30; ++frame) {
        std::vector<journal_entry> some;
        for (auto n = random() % 4 + 1; n > 0; --n) {
          auto back = random() % 3 == 0 ? random() % 8 : 0;
          auto index = end + 1 - std::min(back, end);
          said.erase(said.lower_bound(index), said.end());
          said[index] = std::to_string(random()) + std::string(700, 'y');
          some.push_back(entry(index, said[index]));
          end = index;
        }
        append(*log, some);
        check_all(*log, said, end + 2);
      }
    }
    check_all(*open_readable(folder.path, 1 << 15), said, end + 2);
  }
}

TEST_CASE("what comes before a gap is not read again") {
  temporary_folder folder;
  auto log = open_readable(folder.path, 1 << 16);
  append(*log, {entry(1, "a"), entry(2, "b")});
  append(*log, {entry(10, "j"), entry(11, "k")});
  check_all(*log, {{10, "j"}, {11, "k"}}, 13);
}

TEST_CASE("released files are not read again, and not before they must go") {
  temporary_folder folder;
  auto log = open_readable(folder.path, 4096);
  for (std::uint64_t i = 1; i <= 100; ++i)
    append(*log, {entry(i, std::string(300, 'x'))});
  auto all = log->bytes();
  log->release({{90}}, {{1}, std::uint64_t{1} << 20});
  CHECK(log->first_readable() == log_index{1});
  log->release({{90}}, {{50}, std::uint64_t{1} << 20});
  auto first = log->first_readable().value_or(log_index{0});
  CHECK(first > log_index{30});
  CHECK(first <= log_index{50});
  CHECK(log->read({20}).error() == errc::not_found);
  log->release({{90}}, {{50}, 2 * 4096}); // there is room for two files
  first = log->first_readable().value_or(log_index{0});
  CHECK(first > log_index{60});
  CHECK(first <= log_index{80});
  log->release({{90}});
  CHECK(log->first_readable() > log_index{80});
  CHECK(log->first_readable() <= log_index{91});
  CHECK(log->bytes() < all);
}

TEST_CASE("a log that nobody reads again remembers nothing") {
  temporary_folder folder;
  std::string diagnosis;
  auto log = wal::open(
    {folder.path, 4096}, [](auto&) { return result<void>{}; }, diagnosis);
  REQUIRE(log.has_value());
  append(**log, {entry(1, "one")});
  CHECK((*log)->read({1}).error() == errc::not_found);
  CHECK(!(*log)->first_readable());
}

TEST_CASE("what a disk changed is told, and not read") {
  temporary_folder folder;
  auto log = open_readable(folder.path, 4096);
  append(*log, {entry(1, "one")});
  append(*log, {entry(2, "two")});
  for (auto& one : fs::directory_iterator{folder.path}) {
    if (one.path().extension() != ".wal")
      continue;
    std::fstream file{one.path(),
                      std::ios::binary | std::ios::in | std::ios::out};
    file.seekp(std::streamoff(wal_format::frame_head_bytes
                              + wal_format::entry_head_bytes));
    file.put('O');
  }
  CHECK(log->read({1}).error() == errc::corrupt);
  CHECK(log->read({2}).error() == errc::corrupt); // it lies behind it
  for (auto& one : fs::directory_iterator{folder.path})
    fs::remove(one.path());
  CHECK(log->read({1}).error() == errc::storage_failed);
}

TEST_CASE("one thread reads while others append and recycle") {
  temporary_folder folder;
  auto log = open_readable(folder.path, 1 << 14);
  std::atomic<std::uint64_t> end{0};
  std::atomic<bool> odd{false};
  std::atomic<std::uint64_t> read{0};
  std::thread reader{[&] {
    std::mt19937_64 random{3};
    while (end < 1000) {
      auto last = end.load();
      auto from = last - random() % (std::min<std::uint64_t>(last, 60) + 1);
      auto some = log->read({from});
      if (!some && some.error() != errc::not_found)
        odd = true;
      for (std::size_t k = 0; some && k < some->size(); ++k, ++read)
        if (!(*some)[k].body.starts_with(std::to_string(from + k) + " "))
          odd = true;
    }
  }};
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    append(*log, {entry(i, std::to_string(i) + std::string(500, ' '))});
    log->release({{i < 20 ? 0 : i - 20}});
    end = i;
  }
  reader.join();
  CHECK(!odd);
  CHECK(read > 0);
}
