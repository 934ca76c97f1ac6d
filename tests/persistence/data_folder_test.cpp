// What a directory says of itself is believed only if it is whole.
#include "persistence/data_folder.hpp"
#include "persistence/whole_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Replaces what the directory says of itself.
result<node_identity> said(const std::filesystem::path& folder,
                           const std::string& text) {
  REQUIRE(write_whole(folder / "node", text).has_value());
  return data_folder::inspect(folder);
}

} // namespace

TEST_CASE("a flipped bit in a directory's identity is refused") {
  temporary_folder folder;
  node_identity mine{.partitions = 12, .cluster_id = "0123abcd", .member = 2};
  REQUIRE(data_folder::open(folder.path, mine).has_value());
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
