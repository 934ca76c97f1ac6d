// What `check` says of a member's directory.
#include "actors/replication/check_member.hpp"
#include "tests/replication/journal_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace callboard;
using namespace callboard::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t file_bytes = std::size_t{64} << 10;

/// A single member that published, and stopped; its log has several files.
class checked_member {
public:
  checked_member() {
    for (int n = 0; n < 60; ++n)
      REQUIRE(cluster_.publish("user-" + std::to_string(n), 9000));
    cluster_.node(1).stop();
    for (auto& one : fs::directory_iterator{folder / "wal"})
      if (one.path().extension() == ".wal")
        files.push_back(one.path());
    std::ranges::sort(files);
    REQUIRE(files.size() > 3);
  }

  check_report check() {
    return check_member(folder / "store", folder / "wal", folder / "member", 2);
  }

  bool tells(const std::string& text) {
    auto found = check().problems;
    for (auto& one : found)
      UNSCOPED_INFO(one);
    return std::ranges::any_of(
      found, [&](auto& one) { return one.find(text) != one.npos; });
  }

private:
  journal_cluster cluster_{1, {.wal_file_bytes = file_bytes}};

public:
  fs::path folder = cluster_.node(1).folder.path;
  std::vector<fs::path> files;
};

} // namespace

TEST_CASE(
  "a member's log is no log of partitions, and is checked as what it is") {
  checked_member member;
  auto found = member.check();
  for (auto& one : found.problems)
    UNSCOPED_INFO(one);
  CHECK(found.problems.empty());
  auto says = [&](const std::string& text) {
    return std::ranges::any_of(
      found.facts, [&](auto& one) { return one.find(text) != one.npos; });
  };
  CHECK(says("log: node 1 in term 2, base 1 of term 1, 61 entries behind it, "
             "the last of term 2"));
}

TEST_CASE("a member's log that lost its beginning, or a piece, is told") {
  checked_member member;
  fs::remove(member.files[0]);
  CHECK(member.tells("the log: entries 2 to "));
  fs::remove(member.files[2]);
  CHECK(!member.check().problems.empty());
}

TEST_CASE("a store behind a member's base is told") {
  checked_member member;
  auto state = load_member(member.folder / "member");
  REQUIRE(state.has_value());
  REQUIRE(*state);
  fs::remove_all(member.folder / "store"); // the log has it all
  CHECK(member.check().problems.empty());
  (*state)->base.index = 20;
  REQUIRE(save_member(member.folder / "member", **state).has_value());
  CHECK(member.tells("records in between are missing"));
}

TEST_CASE("a member file that is damaged, missing or too old is told") {
  checked_member member;
  auto file = member.folder / "member";
  auto state = load_member(file);
  REQUIRE(state.has_value());
  REQUIRE(*state);
  (*state)->vote.term = 1;
  REQUIRE(save_member(file, **state).has_value());
  CHECK(member.tells("a term that the member file does not know"));
  std::ofstream{file} << "nonsense";
  CHECK(member.tells("cannot be read"));
  fs::remove(file);
  CHECK(member.tells("is missing"));
}
