// Damage in LMDB's pages is found before LMDB reads them, and nothing else is
// taken for damage.
#include "actors/core/limits.hpp"
#include "persistence/blocks.hpp"
#include "persistence/keys.hpp"
#include "persistence/page_check.hpp"
#include "persistence/rows.hpp"
#include "tests/support/stored_rows.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <iterator>
#include <random>

using namespace callboard;
using namespace callboard::test;

namespace {

using random_source = std::mt19937_64;

std::size_t below(random_source& random, std::size_t n) {
  return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
}

/// Puts and erases rows of all sizes in some tables, in one transaction.
void change_some(database& db, random_source& random, std::size_t changes) {
  auto txn = db.write().value();
  for (std::size_t i = 0; i < changes; ++i) {
    bool block = below(random, 3) == 0;
    auto key = block ? keys::block({below(random, 2)}, {below(random, 9)},
                                   {below(random, 60)}, 1)
                     : keys::stream({below(random, 2)},
                                    std::string(1 + below(random, 90), 's')
                                      + std::to_string(below(random, 300)));
    auto where =
      block ? table::events : table{std::uint8_t(5 + below(random, 3))};
    if (below(random, 3) == 0) {
      REQUIRE(txn.erase(where, key).has_value());
      continue;
    }
    auto most = below(random, 4) == 0 ? limits::value_bytes_max - 5 : 200;
    std::string value(below(random, most), char('a' + below(random, 26)));
    if (auto sum = checksum(key, 0); block) // as each block of events begins
      value.insert(0, std::string("\3").append(
                        reinterpret_cast<const char*>(&sum), sizeof sum));
    else
      seal(key, value);
    REQUIRE(txn.put(where, key, value).has_value());
  }
  REQUIRE(txn.commit().has_value());
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void flip(const std::filesystem::path& file, const std::string& bytes,
          std::size_t byte, int bit) {
  auto changed = char(bytes[byte] ^ (1 << bit));
  std::fstream out{file, std::ios::binary | std::ios::in | std::ios::out};
  out.seekp(std::streamoff(byte));
  out.put(changed);
}

} // namespace

TEST_CASE(
  "a store that grows, shrinks and is opened again has no damaged page") {
  temporary_folder folder;
  random_source random{Catch::getSeed()};
  CHECK_FALSE(find_damaged_page(folder.path, UINTMAX_MAX));
  for (int life = 0; life < 4; ++life) {
    auto db = database::open({.folder = folder.path}).value();
    for (int i = 0; i < 40; ++i) {
      change_some(db, random, 1 + below(random, 200));
      for (std::uintmax_t whole_up_to : {std::uintmax_t{0}, UINTMAX_MAX}) {
        auto found = find_damaged_page(folder.path, whole_up_to);
        INFO(found.value_or("") << ", --rng-seed " << Catch::getSeed());
        REQUIRE_FALSE(found);
      }
    }
  }
}

TEST_CASE("a flipped bit in a page is found, or changes no row") {
  temporary_folder folder;
  random_source random{Catch::getSeed()};
  {
    auto db = database::open({.folder = folder.path}).value();
    for (int i = 0; i < 12; ++i)
      change_some(db, random, 60);
  }
  auto file = folder.path / "data.mdb";
  auto bytes = bytes_of(file);
  auto rows = all_rows(folder.path);
  std::size_t found = 0;
  for (int i = 0; i < 3000; ++i) {
    // Most damage can be done by headers and pointers, and by the meta pages.
    auto byte = below(random, bytes.size());
    if (below(random, 3) == 0)
      byte = byte / 4096 * 4096 + below(random, 160);
    else if (below(random, 10) == 0)
      byte = below(random, 2) * 4096 + below(random, 152);
    auto bit = int(below(random, 8));
    flip(file, bytes, byte, bit);
    INFO("page " << byte / 4096 << " byte " << byte % 4096 << " bit " << bit
                 << ", --rng-seed " << Catch::getSeed());
    if (find_damaged_page(folder.path, UINTMAX_MAX))
      ++found;
    else {
      auto left = all_rows(folder.path);
      REQUIRE(left.size() == rows.size());
      for (std::size_t k = 0; k < rows.size(); ++k)
        if (std::get<0>(rows[k]) != std::size_t(table::events))
          REQUIRE((left[k] == rows[k]));
        else // events are checked when they are read
          REQUIRE(std::get<1>(left[k]) == std::get<1>(rows[k]));
    }
    flip(file, bytes_of(file), byte, bit);
  }
  CHECK(found > 300);
  CHECK((all_rows(folder.path) == rows));
}

TEST_CASE("a store that cannot be read is not damaged for that") {
  temporary_folder folder;
  std::filesystem::create_directory(folder.path / "data.mdb");
  CHECK_FALSE(find_damaged_page(folder.path, UINTMAX_MAX));
  CHECK(database::open({.folder = folder.path}).error()
        == errc::storage_failed);
}

TEST_CASE("damage is named with its page and table") {
  temporary_folder folder;
  {
    auto db = database::open({.folder = folder.path}).value();
    auto txn = db.write().value();
    std::string value = "name";
    seal("key", value);
    REQUIRE(txn.put(table::users, "key", value).has_value());
    REQUIRE(txn.commit().has_value());
  }
  auto file = folder.path / "data.mdb";
  auto bytes = bytes_of(file);
  flip(file, bytes, bytes.find("keyname"), 0);
  auto found = find_damaged_page(folder.path, UINTMAX_MAX);
  REQUIRE(found);
  INFO(*found);
  CHECK(found->find("data.mdb, page ") != found->npos);
  CHECK(found->find("of users, a row's checksum is wrong") != found->npos);
}

TEST_CASE("a start sees a bit in the key of a block of events") {
  temporary_folder folder;
  {
    auto db = database::open({.folder = folder.path}).value();
    auto txn = db.write().value();
    REQUIRE(blocks::append(txn, {0}, {0x5eed}, {make_event(0, 20)}));
    REQUIRE(txn.commit().has_value());
  }
  auto file = folder.path / "data.mdb";
  auto bytes = bytes_of(file);
  auto at = bytes.find(keys::block({0}, {0x5eed}, {0}));
  for (std::size_t byte = 0; byte < keys::block_bytes; ++byte) {
    flip(file, bytes, at + byte, int(byte % 8));
    auto found = find_damaged_page(folder.path, UINTMAX_MAX);
    REQUIRE(found);
    CHECK(found->find("of events, a row's checksum is wrong") != found->npos);
    flip(file, bytes_of(file), at + byte, int(byte % 8));
  }
  CHECK_FALSE(find_damaged_page(folder.path, UINTMAX_MAX));
}
