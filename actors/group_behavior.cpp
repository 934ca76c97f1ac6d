// A group's table of contents: message to function.
#include "actors/group_actor.hpp"
#include "actors/guarded.hpp"
#include "actors/log_limit.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace callboard {

namespace {

/// Each request spawns it again: of each group a line a minute.
void tell_of(const group_key& key, errc why) {
  static thread_local log_limit limit;
  if (why == errc::not_found) // it was deleted in this moment
    return;
  if (auto more = limit.pass(key.stream + "::" + key.group))
    spdlog::error("a group cannot start stream={} group={} error={} "
                  "suppressed={}",
                  key.stream, key.group, to_string(why), *more);
}

} // namespace

group_actor::behavior_type
group_behavior(group_actor::stateful_pointer<group_state> self, group_key key,
               partition_id where, node_ptr node, partition_actor partition,
               reader_actor reader) {
  auto& state = self->state;
  state.self = self;
  state.key = std::move(key);
  state.where = where;
  state.node = std::move(node);
  state.partition = std::move(partition);
  state.reader = std::move(reader);
  if (auto why = state.start(); why != errc::none) {
    tell_of(state.key, why);
    self->quit(caf::make_error(why));
  }
  auto failed = [&state](const std::exception& error) { state.crashed(error); };
  return {
    [&state, failed](fetch_atom, const fetch_request& x) {
      return guarded([&] { return state.fetch(x); }, failed);
    },
    [&state, failed](settle_atom, const settle_request& x) {
      return guarded([&] { return state.settle(x); }, failed);
    },
    [&state, failed](settle_atom, const settle_batch& x) {
      return guarded([&] { return state.settle_all(x); }, failed);
    },
    [&state, failed](leases_atom, const leases_query& x) {
      return guarded([&] { return state.leases(x); }, failed);
    },
    [&state, failed](why_atom, const group_key&) {
      return guarded([&] { return state.standing(); }, failed);
    },
    [&state, failed](explain_atom, const explain_query& x) {
      return guarded([&] { return state.explain(x); }, failed);
    },
    [&state, failed](parked_atom, const parked_query& x) {
      return guarded([&] { return state.list_parked(x); }, failed);
    },
    [&state, failed](parked_atom, const parked_command& x) {
      return guarded([&] { return state.change_parked(x); }, failed);
    },
    [&state, failed](command_atom, const group_command& x) {
      return guarded([&] { return state.command(x); }, failed);
    },
    [&state, failed](info_atom, const group_key&) {
      return guarded(
        [&]() -> caf::result<group_info> { return state.tell(true); }, failed);
    },
    [&state, failed](describe_atom, const group_key&) {
      return guarded(
        [&]() -> caf::result<group_info> { return state.tell(false); }, failed);
    },
    [&](cancel_atom, const group_key&, std::uint64_t session) {
      state.guard([&] { state.cancel(session); });
    },
    [&](release_atom, const group_key&, lease_id lease) {
      state.guard([&] { state.release(lease); });
    },
    [&state, failed](fired_atom, const delayed_message& x) {
      return guarded([&] { return state.fired(x); }, failed);
    },
    [&](published_atom, event_number end, event_number first) {
      state.guard([&] { state.published(end, first); });
    },
    [&](offered_atom, const event_run_ptr& events) {
      state.guard([&] { state.offered(*events); });
    },
    [&](restart_atom) { state.guard([&] { state.restart(); }); },
    [&](failed_atom, const caf::error& why) { state.failed(to_errc(why)); },
    [&](tick_atom) { state.guard([&] { state.tick(); }); },
    [&](wake_atom, std::uint64_t generation) {
      state.guard([&] { state.wake(generation); });
    },
  };
}

} // namespace callboard
