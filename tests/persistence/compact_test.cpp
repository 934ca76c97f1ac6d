// A compact keeps every row, and gives back what is free.
#include "persistence/check.hpp"
#include "persistence/compact.hpp"
#include "tests/support/stored_rows.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>
#include <sys/stat.h>

#include <fstream>

using namespace callboard;
using namespace callboard::test;
namespace fs = std::filesystem;

namespace {

fs::path half_copy(const temporary_folder& folder) {
  return folder.path / "data.mdb.compact";
}

} // namespace

TEST_CASE("a compact keeps every row and gives free pages back") {
  temporary_folder folder;
  auto file = folder.path / "data.mdb";
  make_mostly_free_store(folder.path, 3'000);
  ::chmod(file.c_str(), 0640);
  auto rows = all_rows(folder.path);
  auto before = fs::file_size(file);
  CHECK(before > 3'000'000);
  auto done = compact(folder.path);
  REQUIRE(done.has_value());
  CHECK(done->bytes_before == before);
  CHECK(done->bytes_after == fs::file_size(file));
  CHECK(done->bytes_after < before / 10);
  CHECK((fs::status(file).permissions() == fs::perms{0640}));
  CHECK(!fs::exists(half_copy(folder)));
  CHECK((all_rows(folder.path) == rows));
  CHECK(check(folder.path, folder.path / "wal", 2).problems.empty());
  {
    auto db = open_store(folder.path);
    auto left = db->read(p0, {1}, {2'990}, 100, SIZE_MAX).value();
    REQUIRE(left.size() == 10);
    CHECK(*left[9] == *make_event(2'999, 1'000));
    // It goes on as before.
    record more;
    more.at = {10'000};
    more.events.push_back({{1}, make_event(3'000, 1'000)});
    stream_row row;
    row.id = {1};
    row.next = {3'001};
    row.first_live = {2'990};
    more.changes.emplace_back(put_stream{"s", row});
    db->apply(p0, {db->applied(p0).value + 1}, more, 1'000);
    CHECK(db->flush().has_value());
  }
  // Nothing is free any more.
  auto again = compact(folder.path);
  REQUIRE(again.has_value());
  CHECK(again->bytes_after <= again->bytes_before);
  CHECK(check(folder.path, folder.path / "wal", 2).problems.empty());
}

TEST_CASE("what an interrupted compact left goes with the next, and a start") {
  temporary_folder folder;
  make_mostly_free_store(folder.path, 100);
  auto rows = all_rows(folder.path);
  std::ofstream{half_copy(folder)} << "half of it";
  CHECK(compact(folder.path).has_value());
  CHECK(!fs::exists(half_copy(folder)));
  std::ofstream{half_copy(folder)} << "half of it";
  open_store(folder.path);
  CHECK(!fs::exists(half_copy(folder)));
  CHECK((all_rows(folder.path) == rows));
}

TEST_CASE("there is nothing to compact before the first start") {
  temporary_folder folder;
  CHECK(compact(folder.path / "store").error() == errc::not_found);
  CHECK(!fs::exists(folder.path / "store"));
  std::ofstream{folder.path / "data.mdb"} << "no database at all";
  CHECK(!compact(folder.path));
  CHECK(!fs::exists(half_copy(folder)));
  CHECK(fs::file_size(folder.path / "data.mdb") == 18);
}
