// Who holds what, why nothing comes.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_impl.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

wall_time group_state::wall_of(wall_time stored) const {
  return stored.value == 0 || stored == never_ends
           ? stored
           : clocks.wall_of(*node, stored);
}

void group_state::to_wall(held_lease& told) const {
  told.since = wall_of(told.since);
  told.until = wall_of(told.until);
}

group_work group_state::work() const {
  group_work out;
  out.now = node->now();
  out.refusal = refusal();
  out.loading = identifying;
  out.reading = loading;
  out.recording = outstanding;
  out.full_polls =
    std::size_t(std::count_if(polls.begin(), polls.end(), [&](auto& poll) {
      return poll.what.in_flight_max > 0 && wanted_by(poll.what) == 0;
    }));
  out.first_parked = first_parked();
  out.wall_ahead_ms = clocks.ms(*node);
  return out;
}

caf::result<lease_list_ptr> group_state::leases(const leases_query& what) {
  return once_identified<lease_list_ptr>([this, what](auto& promise) {
    auto out = std::make_shared<lease_list>();
    auto count =
      std::clamp<std::size_t>(what.count, 1, limits::leases_page_max);
    out->now = wall_of(node->now());
    out->leases = core->leases(what.after, count + 1);
    out->more = out->leases.size() > count;
    if (out->more)
      out->leases.pop_back();
    for (auto& one : out->leases)
      to_wall(one);
    promise.deliver(lease_list_ptr{std::move(out)});
  });
}

caf::result<group_standing_ptr> group_state::standing() {
  if (ending != errc::none)
    return caf::make_error(ending);
  catch_up();
  auto out = std::make_shared<group_standing>();
  auto shell = work();
  out->now = wall_of(shell.now);
  out->delivers = delivers(*core, shell);
  out->reasons = stall_reasons(*core, shell);
  out->info = info(false);
  return group_standing_ptr{std::move(out)};
}

} // namespace callboard
