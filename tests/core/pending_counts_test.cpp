// Counting what is stored while changes go on.
#include "actors/core/pending_counts.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

namespace {

delayed_message notice_due(std::uint64_t due) {
  return {{delayed_ids::notices | due}, {due}, delayed_kind::announce, {}, {}};
}

std::int64_t notices_in(const pending_counts& counts) {
  return counts.now()[std::size_t(delayed_class::notice)];
}

} // namespace

TEST_CASE("a row that two records erase does not make counts negative") {
  pending_counts counts;
  counts.found({notice_due(1)}, true);
  auto gone = erase_delayed{{1}, notice_due(1).id};
  counts.applied(gone);
  counts.applied(gone);
  CHECK(notices_in(counts) == 0);
  counts.applied(put_delayed{notice_due(2)});
  CHECK(notices_in(counts) == 1);
}

TEST_CASE("rows that come while others are counted count once") {
  pending_counts counts;
  counts.found({notice_due(1), notice_due(5)}, false);
  counts.applied(put_delayed{notice_due(3)}); // behind what was looked at
  counts.applied(put_delayed{notice_due(9)}); // still to be seen
  CHECK(notices_in(counts) == 3);
  counts.found({notice_due(9)}, true);
  CHECK(notices_in(counts) == 4);
}
