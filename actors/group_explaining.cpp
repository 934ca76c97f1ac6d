// What became of an event: found by its id, then followed through its leases,
// also where it was parked and replayed.
#include "actors/core/explaining.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_impl.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace callboard {

/// A search that goes from one page to the next.
struct event_search {
  uuid id;
  std::vector<position_range> left; // to be looked at, the last one first
  std::size_t looks = limits::explained_events_max;
  bool cut = false; // not all was looked at
  caf::typed_response_promise<explanation_ptr> to;
};

namespace {

/// The newest event of a page with that id.
const resolved_event* find_id(const resolved_events& events, const uuid& id,
                              event_number below) {
  const resolved_event* out = nullptr;
  for (auto& one : events)
    if (one.original->id == id && one.original->number < below)
      out = &one;
  return out;
}

/// `N` of `N@stream`, if it is that stream's.
std::optional<event_number> number_in(std::string_view target,
                                      std::string_view stream) {
  auto at = target.find('@');
  if (at == std::string_view::npos || target.substr(at + 1) != stream)
    return std::nullopt;
  std::uint64_t out = 0;
  auto [end, error] = std::from_chars(target.data(), target.data() + at, out);
  if (error != std::errc{} || end != target.data() + at)
    return std::nullopt;
  return event_number{out};
}

/// Ranges from old to new, in pieces that are looked at one by one.
void add_pieces(lane in, event_number first, event_number end,
                std::vector<position_range>& into) {
  for (auto n = first; n < end;) {
    auto count = std::min<std::uint64_t>(limits::read_ahead_events_max,
                                         end.value - n.value);
    into.push_back({in, {n, count}});
    n = n + count;
  }
}

event_number newest(event_number end) {
  return {end.value
          - std::min<std::uint64_t>(end.value, limits::explained_events_max)};
}

} // namespace

caf::result<explanation_ptr> group_state::explain(const explain_query& what) {
  return once_identified<explanation_ptr>([this, what](auto& promise) {
    // What was decided is told once it is on disk, as its rows are then.
    record({}, true, [this, what, promise](errc why) mutable {
      if (why != errc::none)
        return void(promise.deliver(caf::make_error(why)));
      guard(promise, [&] { search(what.id, promise); });
    });
  });
}

/// In flight, waiting for a retry, or among the newest: looked for in this
/// order.
void group_state::search(const uuid& id,
                         caf::typed_response_promise<explanation_ptr> to) {
  auto out = std::make_shared<event_search>();
  out->id = id;
  out->to = std::move(to);
  catch_up();
  auto end = core->end();
  auto parked_end = core->parked_end();
  out->cut = newest(end).value > 0 || newest(parked_end).value > 0;
  add_pieces(lane::replay, newest(parked_end), parked_end, out->left);
  add_pieces(lane::source, newest(end), end, out->left);
  auto retries = core->retries();
  for (auto& [in, numbers] : retries)
    if (numbers.first < newest(in == lane::source ? end : parked_end))
      add_pieces(in, numbers.first, numbers.end(), out->left);
  if (auto leased = core->find(id))
    out->left.push_back({leased->in, {leased->number, 1}});
  look_on(std::move(out));
}

void group_state::look_on(std::shared_ptr<event_search> by) {
  if (by->left.empty() || by->looks == 0) {
    auto out = std::make_shared<explanation>();
    out->now = wall_of(node->now());
    out->cut = by->cut || !by->left.empty();
    by->to.deliver(explanation_ptr{std::move(out)});
    return;
  }
  auto next = by->left.back();
  by->left.pop_back();
  auto request = request_for(next.in, next.numbers.first, next.numbers.count);
  ++outstanding; // the actor must not end before it has answered
  self->request(reader, caf::infinite, read_atom_v, std::move(request))
    .then(
      [this, by, next](resolved_events& events) {
        --outstanding;
        guard(by->to, [&] { looked(by, next, events); });
        end_if_done();
      },
      [this, by](const caf::error& why) {
        --outstanding;
        by->to.deliver(caf::make_error(to_errc(why)));
        end_if_done();
      });
}

void group_state::looked(const std::shared_ptr<event_search>& by,
                         position_range asked, const resolved_events& events) {
  by->looks -= std::min(by->looks, std::max<std::size_t>(events.size(), 1));
  auto last =
    events.empty() ? asked.numbers.end() : events.back().original->number + 1;
  if (auto* found = find_id(events, by->id, asked.numbers.end()))
    return void(
      by->to.deliver(explained({asked.in, found->original->number}, *found)));
  if (last < asked.numbers.end()) // cut short by its bytes
    by->left.push_back(
      {asked.in, {last, asked.numbers.end().value - last.value}});
  look_on(by);
}

explanation_ptr group_state::explained(position at,
                                       const resolved_event& what) {
  auto out = std::make_shared<explanation>();
  out->now = wall_of(node->now());
  out->group = core->row().id;
  out->what = what.resolved ? what.resolved : what.original;
  // Who asks for a parked link wants to know of the event behind it.
  if (at.in == lane::replay)
    if (auto number = number_in(what.original->data, key.stream))
      at = {lane::source, *number};
  follow(
    *core, at,
    [this](lane in, event_number first, event_number end) {
      return node->db->history(where, core->row().id, in, first, end,
                               limits::explained_rows_max);
    },
    *out);
  if (out->lease)
    to_wall(*out->lease);
  out->due = wall_of(out->due);
  for (auto& row : out->history)
    for (auto* time : {&row.since, &row.until, &row.ended})
      *time = wall_of(*time);
  return out;
}

} // namespace callboard
