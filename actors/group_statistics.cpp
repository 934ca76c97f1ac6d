// What a group tells of itself: counts between measurements, ages.
#include "actors/core/names.hpp"
#include "actors/group_actor.hpp"
#include "actors/group_info.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

event_number group_state::first_parked() const {
  if (core->parked() == 0)
    return {};
  auto parked = node->db->stream(where, parked_stream(key.stream, key.group));
  if (!parked || !*parked)
    return {};
  return (*parked)->state == stream_state::live ? (*parked)->first_live
                                                : (*parked)->next;
}

group_info group_state::info(bool measures) {
  auto out = describe_group(*core, first_parked());
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
  return out;
}

caf::result<group_info> group_state::tell(bool measures) {
  auto out = info(measures);
  if (out.parked == 0)
    return out;
  auto request = request_for(
    lane::replay, core->oldest_parked({core->parked_end().value - out.parked}),
    1);
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

void group_state::count_delivered(std::size_t events) {
  delivered_total += events;
  node->counts.events_delivered += events;
}

} // namespace callboard
