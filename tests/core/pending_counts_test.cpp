// Counting what is stored while changes go on.
#include "actors/core/pending_counts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>

using namespace callboard;

namespace {

delayed_message notice_due(std::uint64_t due) {
  return {{delayed_ids::notices | due}, {due}, delayed_kind::announce, {}, {}};
}

delayed_rows notices_due(std::initializer_list<std::uint64_t> times) {
  delayed_rows out;
  for (auto due : times) {
    out.rows.push_back(notice_due(due));
    out.last = {{due}, out.rows.back().id};
  }
  out.seen = out.rows.size();
  return out;
}

std::int64_t notices_in(const pending_counts& counts) {
  return counts.now()[std::size_t(delayed_class::notice)];
}

} // namespace

TEST_CASE("a row that two records erase does not make counts negative") {
  pending_counts counts;
  counts.found(notices_due({1}), true);
  auto gone = erase_delayed{{1}, notice_due(1).id};
  counts.applied(gone);
  counts.applied(gone);
  CHECK(notices_in(counts) == 0);
  counts.applied(put_delayed{notice_due(2)});
  CHECK(notices_in(counts) == 1);
}

TEST_CASE("rows that come while others are counted count once") {
  pending_counts counts;
  counts.found(notices_due({1, 5}), false);
  counts.applied(put_delayed{notice_due(3)}); // behind what was looked at
  counts.applied(put_delayed{notice_due(9)}); // still to be seen
  CHECK(notices_in(counts) == 3);
  counts.found(notices_due({9}), true);
  CHECK(notices_in(counts) == 4);
}

TEST_CASE("a delayed message that is damaged is counted, and passed by") {
  pending_counts counts;
  auto some = notices_due({1});
  some.damaged.emplace_back(wall_time{5}, notice_due(5).id);
  some.last = some.damaged.back();
  counts.found(some, false);
  CHECK(notices_in(counts) == 2);
  CHECK(counts.due() == wall_time{5});
  counts.applied(erase_delayed{{5}, notice_due(5).id});
  CHECK(notices_in(counts) == 1);
  counts.found(notices_due({9}), true);
  CHECK(notices_in(counts) == 2);
}
