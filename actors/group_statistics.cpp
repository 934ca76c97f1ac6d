// What a group tells of itself: counts between measurements, ages.
#include "actors/core/names.hpp"
#include "actors/group_actor.hpp"
#include "actors/group_info.hpp"
#include "actors/read_page.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

std::uint64_t seconds_since(wall_time now, wall_time then) noexcept {
  return then.value != 0 && now > then ? (now.value - then.value) / 1000 : 0;
}

} // namespace

event_number group_state::first_parked() const {
  if (core->parked() == 0)
    return {};
  auto parked = node->db->stream(where, parked_stream(key.stream, key.group));
  if (!parked || !*parked)
    return {};
  return first_readable(**parked);
}

group_info group_state::info(bool measures) {
  catch_up();
  auto out = describe_group(*core, first_parked());
  for (auto* time : {&out.paused_until, &out.breaker_until, &out.next_retry})
    *time = wall_of(*time);
  // What is on its way to the disk is offered, and not known yet.
  out.last_known =
    std::min(out.last_known, std::int64_t(stored_end().value) - 1);
  out.delivered_total = delivered_total;
  out.delivered_since_last = delivered_total - delivered_at_last;
  auto now = node->now();
  auto span_ms = now > measured_at ? now.value - measured_at.value : 0;
  if (span_ms > 0)
    out.items_per_second =
      double(out.delivered_since_last * 1000 / span_ms); // whole ones
  if (measures) {
    delivered_at_last = delivered_total;
    measured_at = now;
  }
  auto& settings = core->row().settings;
  out.live_buffer = std::min(core->end().value - loaded_end.value,
                             std::uint64_t(settings.live_buffer_size));
  out.waiting_polls = polls.size();
  out.loading = identifying;
  out.reading = loading;
  out.counts = deliveries;
  auto oldest_ready =
    ahead.empty() ? oldest_rested : ahead.begin()->second.original->created;
  out.oldest_ready_s =
    out.ready == 0 ? 0 : seconds_since(node->wall(), oldest_ready);
  out.oldest_lease_s = seconds_since(now, core->oldest_lease());
  return out;
}

caf::result<group_info> group_state::tell(bool measures) {
  auto out = info(measures);
  if (out.parked == 0)
    return out;
  auto request =
    request_for(lane::replay, core->oldest_parked(first_parked()), 1);
  auto aged = [this](group_info& of) {
    auto wall = node->wall();
    of.oldest_parked_s = wall > oldest_parked->second
                           ? (wall.value - oldest_parked->second.value) / 1000
                           : 0;
  };
  if (oldest_parked && oldest_parked->first == request.from) {
    aged(out);
    return out;
  }
  request.resolve_links = false;
  auto promise = self->make_response_promise<group_info>();
  ++outstanding; // the actor must not end before it has answered
  self->request(reader, caf::infinite, read_atom_v, request)
    .then(
      [=, this](resolved_events& events) mutable {
        if (!events.empty()) {
          oldest_parked = {request.from, events.front().original->created};
          aged(out);
        }
        promise.deliver(std::move(out));
        --outstanding;
        end_if_done();
      },
      [=, this](const caf::error&) mutable { // the rest is still worth knowing
        promise.deliver(std::move(out));
        --outstanding;
        end_if_done();
      });
  return promise;
}

void group_state::count_delivered(const delivery_batch& batch) {
  delivered_total += batch.events.size();
  node->counts.events_delivered += batch.events.size();
  auto wall = node->wall();
  for (auto& one : batch.events) {
    auto created = one.what.original->created;
    deliveries.delivered(one.attempt,
                         wall > created ? wall.value - created.value : 0);
  }
}

void group_state::count_ended(const std::vector<change>& recorded) {
  for (auto& one : recorded)
    if (auto* end = std::get_if<put_history>(&one))
      deliveries.ended(end->row.outcome, end->row.count);
}

} // namespace callboard
