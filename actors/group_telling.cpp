// Who holds what, why nothing comes.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_impl.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

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
  return out;
}

caf::result<lease_list_ptr> group_state::leases(const leases_query& what) {
  return once_identified<lease_list_ptr>([this, what](auto& promise) {
    auto out = std::make_shared<lease_list>();
    auto count =
      std::clamp<std::size_t>(what.count, 1, limits::leases_page_max);
    out->now = node->now();
    out->leases = core->leases(what.after, count + 1);
    out->more = out->leases.size() > count;
    if (out->more)
      out->leases.pop_back();
    promise.deliver(lease_list_ptr{std::move(out)});
  });
}

caf::result<group_standing_ptr> group_state::standing() {
  if (ending != errc::none)
    return caf::make_error(ending);
  catch_up();
  auto out = std::make_shared<group_standing>();
  auto shell = work();
  out->now = shell.now;
  out->delivers = delivers(*core, shell);
  out->reasons = stall_reasons(*core, shell);
  out->info = info(false);
  return group_standing_ptr{std::move(out)};
}

} // namespace callboard
