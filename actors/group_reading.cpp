// Where a group's events come from: memory, ahead of its consumers, or LMDB.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_actor.hpp"
#include "actors/read_page.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

constexpr std::uint64_t rests_after_ticks = 30; // seconds

/// A number of 20 digits, `@`, and the name of a stream.
constexpr std::size_t link_bytes_max = 21 + limits::key_bytes_max;

/// `N@stream`. Who publishes an event may call it a link whatever it holds.
bool names_an_event(const std::string& link) {
  return link.size() <= link_bytes_max && parse_link(link).has_value();
}

} // namespace

void group_state::published(event_number end, event_number first) {
  awaiting = false;
  if (ending != errc::none)
    return;
  // A stream with $maxCount loses events with each publish: who does not wait
  // for any takes the cut when somebody asks (`catch_up`).
  if (polls.empty() && first < end) {
    passed_over = first;
    return;
  }
  learn(end, first);
  pump();
}

void group_state::learn(event_number end, event_number first) {
  core->publish(end);
  if (first == end && spared < end) {
    // Deleted: what the group has in its buffer it still delivers, as far as
    // it can be read. A restart forgets that.
    if (passed_over > spared)
      cut_source(passed_over); // what it had lost before
    spared = end;
    auto buffer = core->row().settings.buffer_size;
    if (auto todo = core->abandon(std::uint64_t(std::max(buffer, 0)));
        !todo.nothing())
      record(std::move(todo), true);
  } else if (first > spared)
    cut_source(first);
}

/// While nobody waits, nobody tells this group of what is stored: it looks.
void group_state::catch_up() {
  if (ending != errc::none)
    return;
  auto row = node->db->stream(where, key.stream);
  if (!row || !*row)
    return;
  auto end = (*row)->next;
  auto first = first_readable(**row);
  bool cut = first < end && core->loses_below(first)
             && refusal() == errc::none; // who only looks breaks nothing
  if (end > core->end() || cut)
    learn(end, first);
}

/// Nobody may have told this group how its stream is by now.
result<group_effects> group_state::updated(const group_settings& settings) {
  auto row = node->db->stream(where, key.stream);
  if (!row)
    return row.error();
  auto head = row->value_or(stream_row{});
  auto todo = core->update(settings, head.next, first_readable(head));
  forget_ahead(core->checkpoint(lane::source)); // it may begin later now
  return todo;
}

event_number group_state::stored_end() const {
  auto row = node->db->stream(where, key.stream);
  return row && *row ? (*row)->next : event_number{};
}

/// While somebody waits the partition tells what it stores, once.
void group_state::await_growth() {
  if (awaiting || polls.empty() || ending != errc::none)
    return;
  awaiting = true;
  self->send(partition, await_atom_v, key, core->end());
}

bool group_state::somebody_wants() const {
  return std::any_of(polls.begin(), polls.end(),
                     [&](auto& poll) { return wanted_by(poll.what) > 0; });
}

/// Who is answered before his lease is on disk cannot be given what is not.
void group_state::offered(const std::vector<event_ptr>& events) {
  if (ending != errc::none || identifying
      || core->row().settings.durability != lease_durability::strict
      || events.front()->number != core->end() || core->blocked()
      || core->held_back() || !somebody_wants())
    return; // `published` tells of them
  for (auto& one : events) {
    if (ahead.size() >= limits::read_ahead_events_max
        || ahead_bytes >= limits::read_ahead_bytes_max)
      break; // of these too
    resolved_event what{one, one, {}};
    ahead_bytes += memory_bytes(what);
    ahead.emplace(position{lane::source, one->number}, std::move(what));
    core->publish(one->number + 1);
  }
  pump();
}

void group_state::cut_source(event_number first) {
  if (auto todo = core->cut(lane::source, first); !todo.nothing()) {
    forget_ahead(first);
    oldest_rested = {};
    record(std::move(todo), true);
  }
}

std::optional<stream_id> group_state::stream_of(lane in) {
  auto& known = in == lane::source ? source_id : parked_id;
  if (known)
    return known;
  auto stream =
    in == lane::source ? key.stream : parked_stream(key.stream, key.group);
  auto row = node->db->stream(where, stream);
  if (row && *row)
    known = (*row)->id;
  return known;
}

range_request group_state::request_for(lane in, event_number from,
                                       std::size_t count) {
  return {where,
          stream_of(in).value_or(stream_id{}),
          from,
          count,
          limits::read_ahead_bytes_max,
          in == lane::replay || core->row().settings.resolve_link_tos};
}

group_state::collected
group_state::collect(const std::vector<position_range>& ranges) {
  collected out;
  std::size_t bytes = 0;
  auto full = [&] { return bytes >= limits::page_bytes_max; };
  auto take = [&](const position& at, resolved_event&& what) {
    bytes += memory_bytes(what);
    // A parked event whose target is gone has nothing to be replayed.
    if (at.in == lane::replay && what.resolved == nullptr)
      out.gone.push_back(at);
    else
      out.events.push_back({at, std::move(what)});
  };
  for (auto& [in, numbers] : ranges)
    for (auto n = numbers.first; n < numbers.end() && !full();) {
      if (auto known = ahead.find({in, n}); known != ahead.end()) {
        take({in, n}, resolved_event{known->second});
        n = n + 1;
        continue;
      }
      auto end = in == lane::source ? stored_end() : numbers.end();
      if (n >= end)
        return out; // it is on its way to the disk
      auto left = std::min(end, numbers.end()).value - n.value;
      auto found = read_range({*node->db, node->placement, node->wall()},
                              request_for(in, n, left), read_from::memory);
      if (!found || !*found || (*found)->empty()
          || (*found)->front().original->number != n) {
        out.missing = position_range{in, {n, left}};
        return out;
      }
      for (auto& one : **found) {
        if (one.original->number != n || n >= numbers.end() || full())
          break;
        if (in == lane::replay && one.resolved == nullptr) {
          out.missing = position_range{in, {n, numbers.end().value - n.value}};
          return out; // there may be a copy
        }
        take({in, n}, std::move(one));
        n = n + 1;
      }
    }
  return out;
}

std::string group_state::target_text(const resolved_event& what,
                                     lane in) const {
  bool stands_for_another =
    is_link(*what.original)
    && (in == lane::replay || core->row().settings.resolve_link_tos)
    && names_an_event(what.original->data);
  return stands_for_another ? what.original->data : std::string{};
}

leasable group_state::as_leasable(const resolved_event& what,
                                  const position& at) const {
  // Who replays an event wants it tried, whatever its publisher said.
  auto& behind = what.resolved ? *what.resolved : *what.original;
  bool ends = at.in == lane::source && behind.give_up_at.value != 0;
  return {at, what.original->id, target_text(what, at.in),
          ends ? clocks.stored_of(*node, behind.give_up_at) : wall_time{}};
}

void group_state::load(position_range missing, std::size_t count) {
  loading = true;
  if (missing.in == lane::replay)
    return read_parked(missing.numbers,
                       [this, missing](errc why, resolved_events& events) {
                         if (why == errc::none)
                           return guard([&] { loaded(missing, events); });
                         loading = false;
                         failed(why);
                       });
  self
    ->request(reader, caf::infinite, read_atom_v,
              request_for(missing.in, missing.numbers.first, count))
    .then(
      [this, missing](resolved_events& events) {
        guard([&] { loaded(missing, events); });
      },
      [this](const caf::error& why) {
        loading = false;
        failed(to_errc(why));
      });
}

void group_state::loaded(position_range asked, resolved_events& events) {
  loading = false;
  if (ending != errc::none)
    return;
  if (ahead_bytes > 2 * limits::read_ahead_bytes_max)
    ahead.clear(), ahead_bytes = 0; // was read, and then not asked for
  // What lies before the last event that came, and did not come, is gone; so is
  // all that was asked for if nothing came.
  std::vector<position> gone;
  auto n = asked.numbers.first;
  for (auto& one : events) {
    auto number = one.original->number;
    for (; n < number && n < asked.numbers.end(); n = n + 1)
      gone.push_back({asked.in, n});
    n = number + 1;
    position at{asked.in, number};
    if (auto bytes = memory_bytes(one);
        ahead.emplace(at, std::move(one)).second)
      ahead_bytes += bytes;
  }
  if (events.empty())
    for (; n < asked.numbers.end(); n = n + 1)
      gone.push_back({asked.in, n});
  if (!gone.empty())
    record(core->drop(gone), true);
  pump();
  arm();
}

/// Most groups are idle, and none ever ends: for a consumer that comes back it
/// is read again.
void group_state::rest() {
  bool idle =
    std::exchange(delivered_at_tick, delivered_total) == delivered_total;
  idle_ticks = idle ? idle_ticks + 1 : 0;
  // What is not on disk cannot be read again yet.
  if (idle_ticks < rests_after_ticks || ahead.empty()
      || core->end() > stored_end())
    return;
  oldest_rested = ahead.begin()->second.original->created;
  ahead.clear();
  ahead_bytes = 0;
}

void group_state::read_ahead() {
  if (loading || polls.empty() == false
      || ahead.size() >= limits::read_ahead_events_max / 2
      || ahead_bytes >= limits::read_ahead_bytes_max / 2 || ahead.empty())
    return; // nothing is read ahead while memory has what comes next
  auto last = ahead.rbegin()->first;
  auto from = last.number + 1;
  auto end = std::min(core->end(), stored_end());
  if (last.in != lane::source || from >= end)
    return;
  if (node->db->try_read(where, *stream_of(lane::source), from, 1, 1))
    return; // from here on memory has it
  auto count = std::min<std::uint64_t>(limits::read_ahead_events_max,
                                       end.value - from.value);
  load({lane::source, {from, 1}}, count);
}

void group_state::forget_ahead(event_number below) {
  for (auto at = ahead.begin();
       at != ahead.end() && at->first < position{lane::source, below};) {
    ahead_bytes -= memory_bytes(at->second);
    at = ahead.erase(at);
  }
}

void group_state::identify_next() {
  if (unidentified.empty()) {
    identifying = false;
    return run_deferred();
  }
  identifying = true;
  auto next = unidentified.back();
  unidentified.pop_back();
  auto known = [this, next](resolved_events& events) {
    for (auto& one : events)
      if (one.original->number < next.numbers.end())
        core->identify(as_leasable(one, {next.in, one.original->number}));
    auto last =
      events.empty() ? next.numbers.end() : events.back().original->number + 1;
    if (last < next.numbers.end()) // cut short by its bytes
      unidentified.push_back(
        {next.in, {last, next.numbers.end().value - last.value}});
    identify_next();
  };
  auto damaged = [this, next] {
    // Halves, until the one that is damaged is alone: it stays unknown, its
    // lease ends by itself, and the others can be settled meanwhile.
    if (auto half = next.numbers.count / 2; half > 0) {
      auto middle = next.numbers.first + half;
      unidentified.push_back({next.in, {middle, next.numbers.count - half}});
      unidentified.push_back({next.in, {next.numbers.first, half}});
    }
    identify_next();
  };
  self
    ->request(reader, caf::infinite, read_atom_v,
              request_for(next.in, next.numbers.first, next.numbers.count))
    .then(
      [this, known](resolved_events& events) { guard([&] { known(events); }); },
      [this, damaged](const caf::error& why) {
        if (to_errc(why) != errc::corrupt)
          return failed(errc::storage_failed);
        guard(damaged);
      });
}

} // namespace callboard
