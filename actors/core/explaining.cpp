// From lane to lane: a row that says "parked" says as what.
#include "actors/core/explaining.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace callboard {

namespace {

/// How its leases ended there, in order of time. `cut`: what came first is
/// forgotten, as the attempts tell.
std::vector<history_row> history_of(const position& at,
                                    const subscription::whereabouts& is,
                                    const history_reader& read, bool& cut) {
  // A row is of at most one fetch: none that has it begins earlier.
  auto reach =
    std::min<std::uint64_t>(at.number.value, limits::fetch_count_max - 1);
  auto rows = read(at.in, {at.number.value - reach}, at.number + 1);
  std::vector<history_row> out;
  if (!rows) {
    cut = true;
    return out;
  }
  for (auto& row : *rows)
    if (at.number < row.first + row.count)
      out.push_back(std::move(row));
  std::stable_sort(out.begin(), out.end(), [](auto& x, auto& y) {
    auto order = [](const history_row& row) { // without a lease: the last one
      return std::tuple{row.ended, row.lease.value == 0, row.lease};
    };
    return order(x) < order(y);
  });
  auto before = is.attempts - (is.standing == event_standing::leased ? 1U : 0U);
  bool first_is_there =
    out.empty() ? before == 0 && is.standing != event_standing::settled
                : out.front().attempt <= 1;
  cut = cut || !first_is_there || rows->size() >= limits::explained_rows_max;
  return out;
}

} // namespace

void follow(const subscription& core, position at, const history_reader& read,
            explanation& into) {
  while (into.history.size() < limits::explained_rows_max) {
    auto is = core.at(at);
    into.standing = is.standing;
    into.in = at.in;
    into.number = at.number;
    into.attempts = is.attempts;
    into.lease = std::move(is.lease);
    into.due = is.due;
    if (is.standing == event_standing::before
        || is.standing == event_standing::not_found)
      return;
    auto more = history_of(at, is, read, into.cut);
    auto known = more.size();
    std::move(more.begin(), more.end(), std::back_inserter(into.history));
    bool ended = is.standing == event_standing::settled
                 || is.standing == event_standing::parked;
    if (!ended || into.history.empty())
      return;
    auto& end = into.history.back();
    for (auto& row : into.history)
      if (row.lease.value != 0)
        into.attempts = row.attempt;
    if (is.standing == event_standing::parked || known == 0
        || end.outcome != lease_outcome::parked)
      return;
    at = {lane::replay, end.parked_as + (at.number.value - end.first.value)};
  }
  into.cut = true;
}

} // namespace callboard
