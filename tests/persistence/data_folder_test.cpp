// What a directory says of itself is believed only if it is whole.
#include "persistence/data_folder.hpp"
#include "persistence/wal_salt.hpp"
#include "persistence/whole_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <string>

using namespace callboard;
using namespace callboard::test;

namespace fs = std::filesystem;

namespace {

/// Replaces what the directory says of itself.
result<node_identity> said(const fs::path& folder, const std::string& text) {
  REQUIRE(write_whole(folder / "node", text).has_value());
  return data_folder::inspect(folder);
}

/// Store and log as a first start makes them. Returns the salt's fingerprint.
std::string make_complete(const fs::path& path, const node_identity& identity) {
  auto folder = data_folder::open(path, identity).value();
  fs::create_directory(folder.store());
  std::ofstream{folder.store() / "data.mdb"} << "pages";
  fs::create_directory(folder.wal());
  auto salt = wal_salt::make(folder.wal()).value();
  REQUIRE(folder.set_complete().has_value());
  return salt.fingerprint();
}

/// What a start finds missing; empty: nothing.
std::string lost(const fs::path& path) {
  auto folder = data_folder::open(path, {}).value();
  return folder.missing_store().value_or("")
         + folder.missing_log().value_or("");
}

} // namespace

TEST_CASE("a flipped bit in a directory's identity is refused") {
  temporary_folder folder;
  node_identity mine{.partitions = 12, .cluster_id = "0123abcd", .member = 2};
  mine.complete = make_complete(folder.path, mine);
  REQUIRE((data_folder::inspect(folder.path) == mine));
  auto whole = **read_whole(folder.path / "node");
  for (std::size_t byte = 0; byte < whole.size(); ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = whole;
      flipped[byte] = char(flipped[byte] ^ (1 << bit));
      INFO("byte " << byte << " bit " << bit << ": " << flipped);
      auto found = said(folder.path, flipped);
      CHECK(!found);
      CHECK((found.error() == errc::corrupt
             || found.error() == errc::unknown_format));
    }
  CHECK((said(folder.path, whole) == mine));
}

TEST_CASE("a directory is not served while it is read, nor read while served") {
  temporary_folder folder;
  CHECK(data_folder::open_to_read(folder.path).error() == errc::not_found);
  CHECK(std::filesystem::is_empty(folder.path));
  {
    auto serving = data_folder::open(folder.path, {});
    REQUIRE(serving.has_value());
    CHECK(data_folder::open_to_read(folder.path).error() == errc::locked);
  }
  auto reading = data_folder::open_to_read(folder.path);
  REQUIRE(reading.has_value());
  CHECK(data_folder::open_to_read(folder.path).has_value());
  CHECK(data_folder::open(folder.path, {}).error() == errc::locked);
}

TEST_CASE("an identity without a checksum is read as it is") {
  temporary_folder folder;
  auto found = said(folder.path, "format 1\npartitions 4\ncluster ab\n");
  REQUIRE(found.has_value());
  CHECK((*found == node_identity{.partitions = 4, .cluster_id = "ab"}));
  CHECK(said(folder.path, "format 2\npartitions 4\ncluster ab\n").error()
        == errc::unknown_format);
}

TEST_CASE("what a complete directory lacks is named") {
  for (std::string part : {"store", "store/data.mdb", "wal", "wal/salt"}) {
    temporary_folder folder;
    make_complete(folder.path, {});
    CHECK(lost(folder.path).empty());
    fs::remove_all(folder.path / part);
    CHECK(lost(folder.path)
            .starts_with((folder.path / part).string() + " is missing: "));
  }
  temporary_folder folder;
  make_complete(folder.path, {});
  fs::resize_file(folder.path / "store/data.mdb", 0);
  CHECK(lost(folder.path).find("data.mdb is empty: ") != std::string::npos);
}

TEST_CASE("another directory's salt is told from the log's own") {
  temporary_folder folder;
  temporary_folder other;
  make_complete(folder.path, {});
  make_complete(other.path, {});
  fs::copy_file(other.path / "wal/salt", folder.path / "wal/salt",
                fs::copy_options::overwrite_existing);
  CHECK(lost(folder.path).find("wal/salt is that of another log")
        != std::string::npos);
}

TEST_CASE("a directory misses nothing before its first start is over") {
  temporary_folder folder;
  {
    auto first = data_folder::open(folder.path, {}).value();
    CHECK(first.set_complete().error() == errc::not_found);
  }
  CHECK(lost(folder.path).empty());
  make_complete(folder.path, {});
  {
    auto replaced = data_folder::open(folder.path, {}).value();
    REQUIRE(replaced.set_incomplete().has_value());
  }
  fs::remove_all(folder.path / "wal");
  CHECK(lost(folder.path).empty());
}

TEST_CASE("a directory that cannot be made says which file and why") {
  temporary_folder folder;
  std::ofstream{folder.path / "file"} << "x";
  auto inside = folder.path / "file" / "data";
  std::string why;
  CHECK(data_folder::open(inside, {}, &why).error() == errc::storage_failed);
  CHECK(why == inside.string() + ": Not a directory");
}
