// What is told of events: how their leases ended, and how they stand now.
#include "actors/core/limits.hpp"
#include "actors/core/subscription.hpp"

#include <algorithm>
#include <cassert>
#include <map>

namespace callboard {

namespace {

constexpr std::uint64_t kept_ms = std::uint64_t(limits::history_kept.count());

/// Rows that are looked at again with one record, at most.
constexpr std::size_t looks_max = 16;

} // namespace

std::vector<std::pair<wall_time, delayed_id>> subscription::messages() const {
  std::vector<std::pair<wall_time, delayed_id>> out;
  for (auto& [id, ticket] : tickets_)
    if (ticket.due.value != 0)
      out.emplace_back(ticket.due, delayed_of(row_.id, id));
  return out;
}

void subscription::recall(const delayed_message& message) {
  auto found = tickets_.find(lease_id{message.subject});
  if (found == tickets_.end() || found->second.due != message.due)
    return;
  auto& ticket = found->second;
  if (ticket.kind == delayed_kind::retry_due)
    ticket.note = parse_retry_note(message.body);
  else if (auto note = parse_lease_note(message.body))
    ticket.note = std::move(*note);
  index(found->first, ticket);
}

void subscription::recall(std::span<const history_row> stored) {
  std::map<position, wall_time> last; // when its newest lease ended
  for (auto& row : stored) {
    auto& ended = last[{row.in, row.first}];
    ended = std::max(ended, row.ended);
  }
  std::vector<kept_row> rows;
  for (auto& row : stored) {
    position first{row.in, row.first};
    rows.push_back({first, row.lease, row.count, last[first] + kept_ms});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](auto& x, auto& y) { return x.due < y.due; });
  history_.clear();
  for (auto& row : rows)
    history_.push(row);
}

void subscription::note_end(ended_event what) {
  if (auto found = tickets_.find(what.ticket); found != tickets_.end()) {
    auto& lease = found->second;
    what.extensions = lease.note.extensions;
    what.until = lease.due == never_ends ? wall_time{} : lease.due;
  }
  ended_.push_back(std::move(what));
}

void subscription::note_ends(std::span<const position> at,
                             lease_outcome outcome, std::string_view words,
                             wall_time now, std::uint64_t delay_ms) {
  for (auto& range : as_ranges(at))
    for (auto& run : lane_of(range.in).states.within(range.numbers)) {
      assert(run.is.what == run_state::leased);
      judge(run.is.ticket, outcome, now);
      note_end({{range.in, run.first},
                run.count,
                run.is.attempt,
                run.is.ticket,
                outcome,
                delay_ms,
                clipped(words, limits::words_bytes_max),
                {},
                now});
    }
}

void subscription::write_history(group_effects& into) {
  if (ended_.empty())
    return;
  auto now = ended_.back().ended;
  std::stable_sort(ended_.begin(), ended_.end(),
                   [](auto& x, auto& y) { return x.at < y.at; });
  // No row is longer than a fetch: so far back goes who looks for an event's.
  auto joins = [](const ended_event& x, const ended_event& y) {
    bool parked = x.outcome == lease_outcome::parked;
    return x.at.in == y.at.in && x.at.number + x.count == y.at.number
           && x.count + y.count <= limits::fetch_count_max
           && x.attempt == y.attempt && x.ticket == y.ticket
           && x.extensions == y.extensions && x.outcome == y.outcome
           && x.delay_ms == y.delay_ms && x.words == y.words
           && (!parked || x.parked_as + x.count == y.parked_as);
  };
  for (std::size_t i = 0; i < ended_.size();) {
    auto& one = ended_[i];
    for (++i; i < ended_.size() && joins(one, ended_[i]); ++i)
      one.count += ended_[i].count;
    history_row row;
    row.in = one.at.in;
    row.first = one.at.number;
    row.lease = one.ticket;
    row.count = one.count;
    row.attempt = one.attempt;
    row.ended = one.ended;
    row.outcome = one.outcome;
    row.delay_ms = one.delay_ms;
    row.words = std::move(one.words);
    row.parked_as = one.parked_as;
    row.until = one.until;
    row.extensions = one.extensions;
    if (auto found = tickets_.find(one.ticket); found != tickets_.end()) {
      auto& lease = found->second;
      row.holder = lease.note.who;
      row.since = lease.note.since;
    }
    history_.push({one.at, one.ticket, one.count, now + kept_ms});
    into.changes.emplace_back(put_history{row_.id, std::move(row)});
  }
  ended_.clear();
  forget_history(now, into);
}

bool subscription::is_open(const position& first, std::uint64_t count) const {
  auto& from = lane_of(first.in);
  auto n = std::max(first.number, from.checkpoint);
  auto end = first.number + count;
  if (n >= end)
    return false;
  auto run = from.states.at(n);
  return !run || run->is.what != run_state::settled || run->end() < end;
}

/// What is of events that are not settled stays, and once they are, for as long
/// as other rows do; only the bound on rows is stronger.
void subscription::forget_history(wall_time now, group_effects& into) {
  std::size_t looks = looks_max;
  for (auto erased = limits::forgotten_rows_max; erased > 0;) {
    bool too_many = history_.size() > limits::history_rows_max;
    if (history_.size() == 0
        || (!too_many && (history_.due() > now || looks == 0)))
      return;
    auto row = history_.pop();
    bool open = is_open(row.first, row.count);
    if (looks > 0 && (open || (row.was_open && row.due <= now))) {
      --looks;
      row.was_open = open;
      row.due = now + kept_ms;
      history_.push(row);
      continue;
    }
    into.changes.emplace_back(
      erase_history{row_.id, row.first.in, row.first.number, row.lease});
    --erased;
  }
}

held_lease subscription::describe(lane in, const runs::run& part) const {
  held_lease out;
  out.token = {row_.id, part.is.ticket};
  out.in = in;
  out.first = part.first;
  out.attempt = part.is.attempt;
  for (auto n = part.first; n < part.end(); n = n + 1) {
    auto held = held_.find({in, n});
    out.ids.push_back(held == held_.end() ? uuid{} : held->second.id);
  }
  auto& lease = tickets_.at(part.is.ticket);
  out.extensions = lease.note.extensions;
  out.since = lease.note.since;
  out.until = lease.due == never_ends ? wall_time{} : lease.due;
  out.holder = lease.note.who;
  return out;
}

std::vector<held_lease>
subscription::leases(std::optional<std::pair<lane, event_number>> after,
                     std::size_t count) const {
  std::vector<held_lease> out;
  for (auto in : {lane::source, lane::replay}) {
    if (after && after->first > in)
      continue;
    auto from =
      after && after->first == in ? after->second + 1 : event_number{};
    while (out.size() < count) {
      auto part = lane_of(in).states.next_leased(from);
      if (!part)
        break;
      out.push_back(describe(in, *part));
      from = part->end();
    }
  }
  return out;
}

std::vector<leased_event> subscription::leased_under(lease_id ticket) const {
  std::vector<leased_event> out;
  for (auto& at : positions_of(ticket))
    out.push_back(
      {at, lane_of(at.in).states.at(at.number)->is.attempt, ticket});
  return out;
}

std::map<std::string, std::uint64_t> subscription::holders() const {
  std::map<std::string, std::uint64_t> out;
  for (auto& [id, ticket] : tickets_)
    if (ticket.kind == delayed_kind::lease_end)
      out[ticket.note.who.name] += holders_of(id);
  return out;
}

wall_time subscription::next_due(delayed_kind kind) const {
  wall_time first;
  for (auto& [id, ticket] : tickets_)
    if (ticket.kind == kind && ticket.due.value != 0 && ticket.due != never_ends
        && (first.value == 0 || ticket.due < first))
      first = ticket.due;
  return first;
}

wall_time subscription::oldest_lease() const {
  wall_time first;
  for (auto& [id, ticket] : tickets_)
    if (auto since = ticket.note.since; ticket.kind == delayed_kind::lease_end
                                        && since.value != 0
                                        && (first.value == 0 || since < first))
      first = since;
  return first;
}

std::optional<position> subscription::find(const uuid& id) const {
  std::optional<position> out;
  auto [first, last] = by_id_.equal_range(id);
  for (auto it = first; it != last; ++it)
    if (!out || *out < it->second)
      out = it->second;
  return out;
}

subscription::whereabouts subscription::at(const position& where) const {
  auto& from = lane_of(where.in);
  whereabouts out;
  if (where.in == lane::replay && where.number >= from.end) {
    if (where.number < parked_end_)
      out.standing = event_standing::parked;
    return out;
  }
  if (where.number >= from.end)
    return out;
  auto run = from.states.at(where.number);
  if (where.number < from.checkpoint
      || (run && run->is.what == run_state::settled)) {
    bool before = where.in == lane::source && where.number < row_.began_at;
    out.standing = before ? event_standing::before : event_standing::settled;
    return out;
  }
  out.standing = event_standing::ready;
  if (!run)
    return out;
  out.attempts = run->is.attempt;
  if (run->is.what == run_state::kept) {
    out.standing = event_standing::parked;
  } else if (run->is.what == run_state::leased) {
    out.standing = event_standing::leased;
    out.lease = describe(where.in, *run);
  } else if (run->is.due.value != 0) {
    out.standing = event_standing::waiting;
    out.due = run->is.due;
  }
  return out;
}

std::vector<position_range> subscription::retries() const {
  std::vector<position_range> out;
  for (auto in : {lane::source, lane::replay})
    for (auto& run : lane_of(in).states.all())
      if (run.is.what == run_state::retry)
        out.push_back({in, {run.first, run.count}});
  return out;
}

} // namespace callboard
