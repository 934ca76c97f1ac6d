// The wal: what was flushed is read back, whatever became of the rest.
#include "persistence/wal.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;
namespace fs = std::filesystem;

namespace {

struct seen_entry {
  std::uint64_t partition = 0;
  std::uint64_t index = 0;
  std::string body;
  friend bool operator==(const seen_entry&, const seen_entry&) = default;
};

using entries = std::vector<seen_entry>;

struct opened {
  result<std::unique_ptr<wal>> log = errc::none;
  entries seen;
  std::string diagnosis;
};

constexpr std::size_t small_file = 4096;

opened open_wal(const fs::path& folder, std::size_t bytes = small_file) {
  opened out;
  out.log = wal::open(
    {folder, bytes},
    [&](const wal_format::entry_view& e) -> result<void> {
      out.seen.push_back(
        {e.partition.value, e.index.value, std::string{e.body}});
      return {};
    },
    out.diagnosis);
  return out;
}

journal_entry entry(std::uint64_t index, std::string body,
                    std::uint64_t partition = 0) {
  return {{partition}, {index}, 1, std::move(body)};
}

void append(wal& log, std::vector<journal_entry> some) {
  REQUIRE(log.append(some).has_value());
}

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary} << bytes;
}

std::vector<fs::path> wal_files(const fs::path& folder) {
  std::vector<fs::path> out;
  for (auto& one : fs::directory_iterator{folder})
    if (one.path().extension() == ".wal")
      out.push_back(one.path());
  std::sort(out.begin(), out.end());
  return out;
}

/// Where each frame of a file ends.
std::vector<std::size_t> frame_ends(const fs::path& path,
                                    const std::string& bytes) {
  std::vector<std::size_t> out;
  auto file = wal_salt::load(path.parent_path())
                .value()
                .value()
                .of_file(std::stoull(path.stem().string()));
  auto frame = wal_format::read_frame(bytes, file, 0);
  while (frame) {
    out.push_back(frame->end);
    frame = wal_format::read_frame(bytes, file, frame->end);
  }
  return out;
}

/// Another log's salt for files that are copied from it.
void copy_salt(const fs::path& from, const fs::path& to) {
  fs::copy_file(from / "salt", to / "salt");
}

/// Three frames in one file; returns its bytes and what they say.
std::string three_frames(const fs::path& folder, entries& said) {
  auto first = open_wal(folder);
  append(**first.log, {entry(1, "one"), entry(1, "uno", 3)});
  append(**first.log, {entry(2, "two")});
  append(**first.log, {entry(3, "three")});
  said = {{0, 1, "one"}, {3, 1, "uno"}, {0, 2, "two"}, {0, 3, "three"}};
  return read_file(wal_files(folder).back());
}

} // namespace

TEST_CASE("what was appended is read back in order") {
  temporary_folder folder;
  entries said;
  three_frames(folder.path, said);
  CHECK(open_wal(folder.path).seen == said);
}

TEST_CASE("entries of any size come back, in whole blocks or not") {
  // Only files of whole blocks are written past the page cache.
  for (std::size_t file_bytes : {1U << 16, (1U << 16) - 8}) {
    temporary_folder folder;
    entries said;
    std::mt19937 random{7};
    {
      auto log = open_wal(folder.path, file_bytes);
      for (std::uint64_t i = 1; i <= 300; ++i) {
        auto size = i % 10 == 0 ? 4072 - random() % 100 : random() % 9000;
        std::string body(size, char('a' + i % 26));
        append(**log.log, {entry(i, body)});
        said.push_back({0, i, body});
      }
    }
    CHECK(open_wal(folder.path, file_bytes).seen == said);
  }
}

TEST_CASE("writing goes on after a restart, and after another") {
  temporary_folder folder;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    auto log = open_wal(folder.path);
    REQUIRE(log.seen.size() == i - 1);
    append(**log.log, {entry(i, std::to_string(i))});
  }
  CHECK(open_wal(folder.path).seen.back() == seen_entry{0, 5, "5"});
}

TEST_CASE("entries go on over files, and recycled ones keep nothing old") {
  temporary_folder folder;
  std::uint64_t index = 0;
  {
    auto log = open_wal(folder.path);
    for (; index < 200; ++index) {
      append(**log.log, {entry(index + 1, std::string(300, 'x'))});
      if (index > 20)
        (*log.log)->release({{index - 20}});
    }
    CHECK((*log.log)->bytes() <= 8 * small_file); // a plateau
  }
  auto again = open_wal(folder.path);
  REQUIRE(again.log.has_value());
  REQUIRE(again.seen.size() >= 20);
  CHECK(again.seen.back().index == 200);
  for (std::size_t i = 1; i < again.seen.size(); ++i)
    CHECK(again.seen[i].index == again.seen[i - 1].index + 1);
}

TEST_CASE("a file cut short anywhere in its last frame gives what was before") {
  temporary_folder folder;
  entries said;
  auto whole = three_frames(folder.path, said);
  auto path = wal_files(folder.path).back();
  auto ends = frame_ends(path, whole);
  REQUIRE(ends.size() == 3);
  for (auto cut = ends[1]; cut < ends[2]; ++cut) {
    temporary_folder copy;
    auto torn = whole;
    std::fill(torn.begin() + std::ptrdiff_t(cut), torn.end(), '\0');
    copy_salt(folder.path, copy.path);
    write_file(copy.path / path.filename(), torn);
    auto log = open_wal(copy.path);
    REQUIRE(log.log.has_value());
    INFO("cut at " << cut);
    // Trailing zeros of the frame itself may be what was cut: then it is whole.
    bool all = log.seen == said;
    CHECK((all || log.seen == entries(said.begin(), said.begin() + 3)));
    append(**log.log, {entry(4, "four")});
    log.log = errc::none;
    CHECK(open_wal(copy.path).seen.back().body == "four");
  }
}

TEST_CASE(
  "no flipped bit makes a wrong entry; before the last frame it is told") {
  temporary_folder folder;
  entries said;
  auto whole = three_frames(folder.path, said);
  auto path = wal_files(folder.path).back();
  auto ends = frame_ends(path, whole);
  REQUIRE(ends.size() == 3);
  for (std::size_t at = 0; at < ends[2]; ++at)
    for (int bit = 0; bit < 8; bit += 3) {
      temporary_folder copy;
      auto flipped = whole;
      flipped[at] = char(flipped[at] ^ (1 << bit));
      copy_salt(folder.path, copy.path);
      write_file(copy.path / path.filename(), flipped);
      auto log = open_wal(copy.path);
      INFO("byte " << at << " bit " << bit);
      for (std::size_t i = 0; i < log.seen.size(); ++i)
        REQUIRE(log.seen[i] == said[i]);
      if (at < ends[1]) {
        REQUIRE(log.log.error() == errc::corrupt);
        REQUIRE(log.diagnosis.find("byte") != std::string::npos);
      }
    }
}

TEST_CASE("a damaged file with a later file behind it is told") {
  temporary_folder folder;
  {
    auto log = open_wal(folder.path);
    for (std::uint64_t i = 1; i <= 40; ++i)
      append(**log.log, {entry(i, std::string(300, char('a' + i % 26)))});
  }
  auto files = wal_files(folder.path);
  REQUIRE(files.size() > 2);
  // The last frame of a file that is not the last: nothing good behind it in
  // its own file, but the next file goes on too far.
  auto bytes = read_file(files[0]);
  auto ends = frame_ends(files[0], bytes);
  REQUIRE(ends.size() > 2);
  auto last = ends[ends.size() - 2];
  bytes[last + 30] = char(bytes[last + 30] ^ 1);
  write_file(files[0], bytes);
  CHECK(open_wal(folder.path).log.error() == errc::corrupt);
}

TEST_CASE("a missing file in the middle is told") {
  temporary_folder folder;
  {
    auto log = open_wal(folder.path);
    for (std::uint64_t i = 1; i <= 40; ++i)
      append(**log.log, {entry(i, std::string(300, 'x'))});
  }
  auto files = wal_files(folder.path);
  REQUIRE(files.size() > 2);
  fs::remove(files[1]);
  CHECK(open_wal(folder.path).log.error() == errc::corrupt);
}

TEST_CASE("bytes lost or mixed up within the last frame are a torn end") {
  temporary_folder folder;
  {
    auto log = open_wal(folder.path, 1 << 16);
    append(**log.log, {entry(1, "kept")});
    append(**log.log, {entry(2, std::string(20'000, 'y')), entry(3, "z")});
  }
  auto path = wal_files(folder.path).back();
  auto whole = read_file(path);
  auto begin = frame_ends(path, whole).front();
  std::mt19937_64 random{7};
  for (int seed = 0; seed < 200; ++seed) {
    temporary_folder copy;
    auto torn = whole;
    for (std::size_t sector = 0; sector < torn.size(); sector += 512)
      if (sector + 512 > begin && random() % 2 == 0)
        for (auto at = std::max(sector, begin); at < sector + 512; ++at)
          torn[at] = '\0';
    copy_salt(folder.path, copy.path);
    write_file(copy.path / path.filename(), torn);
    auto log = open_wal(copy.path, 1 << 16);
    INFO("seed " << seed);
    REQUIRE(log.log.has_value());
    CHECK(log.seen.front().body == "kept");
    CHECK((log.seen.size() == 1 || torn == whole));
  }
}

TEST_CASE("a released file comes back as a spare one, and not as a log") {
  temporary_folder folder;
  {
    auto log = open_wal(folder.path);
    for (std::uint64_t i = 1; i <= 40; ++i)
      append(**log.log, {entry(i, std::string(300, 'x'))});
    (*log.log)->release({{40}});
  }
  CHECK(wal_files(folder.path).size() == 1);
  auto again = open_wal(folder.path);
  REQUIRE(again.log.has_value());
  append(**again.log, {entry(41, "next")});
  again.log = errc::none;
  auto third = open_wal(folder.path);
  REQUIRE(third.log.has_value());
  CHECK(third.seen.back().body == "next");
}

TEST_CASE("inspecting changes nothing and counts what is there") {
  temporary_folder folder;
  entries said;
  three_frames(folder.path, said);
  auto before = read_file(wal_files(folder.path).back());
  auto found = wal::inspect(
    folder.path,
    [](const wal_format::entry_view&) -> result<void> { return {}; });
  CHECK(found.problem.empty());
  CHECK(found.frames == 3);
  CHECK(found.entries == 4);
  CHECK(read_file(wal_files(folder.path).back()) == before);
}

TEST_CASE("what a client sends does not pass for a frame") {
  temporary_folder folder;
  std::string forged; // as if the salt were known to be 0, or none were there
  std::string frame;
  for (std::uint64_t file = 1; file <= 100; ++file)
    for (auto guess : {file, wal_salt{0}.of_file(file)}) {
      wal_format::write_frame(frame, guess, std::uint64_t{1} << 40, {});
      forged += frame;
    }
  {
    auto log = open_wal(folder.path, 1 << 16);
    append(**log.log, {entry(1, "kept")});
    append(**log.log, {entry(2, forged)});
  }
  auto path = wal_files(folder.path).back();
  auto bytes = read_file(path);
  bytes[frame_ends(path, bytes).front()] ^= 1; // its flush never ended
  write_file(path, bytes);
  auto log = open_wal(folder.path, 1 << 16);
  REQUIRE(log.log.has_value());
  CHECK(log.seen == entries{{0, 1, "kept"}});
}

TEST_CASE("a log whose salt is gone or damaged is refused, not empty") {
  temporary_folder folder;
  entries said;
  three_frames(folder.path, said);
  auto salt = folder.path / "salt";
  auto bytes = read_file(salt);
  SECTION("gone") {
    fs::remove(salt);
  }
  SECTION("damaged") {
    for (auto& byte : bytes) {
      auto before = std::exchange(byte, char(byte ^ 4));
      write_file(salt, bytes);
      CHECK(open_wal(folder.path).log.error() == errc::corrupt);
      byte = before;
    }
    write_file(salt, bytes.substr(1));
  }
  auto log = open_wal(folder.path);
  CHECK(log.log.error() == errc::corrupt);
  CHECK(log.diagnosis.starts_with(salt.string()));
}

TEST_CASE("a file of the log that cannot be read is not taken for empty") {
  temporary_folder folder;
  entries said;
  three_frames(folder.path, said);
  auto unreadable = folder.path / "000000000099.wal";
  fs::create_directory(unreadable);
  auto log = open_wal(folder.path);
  CHECK(log.log.error() == errc::storage_failed);
  CHECK(log.diagnosis.starts_with(unreadable.string() + ": "));
  auto found = wal::inspect(
    folder.path,
    [](const wal_format::entry_view&) -> result<void> { return {}; });
  CHECK(found.problem == log.diagnosis);
}
