// Streams of a partition: decide, record, apply, tell; and beginning again.
#include "actors/partition_actor.hpp"

#include "actors/core/names.hpp"
#include "actors/group_checkpoint.hpp"
#include "actors/guarded.hpp"
#include "actors/read_page.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

errc partition_state::refusal(effort what) const noexcept {
  if (rebuilding)
    return errc::unavailable;
  return what == effort::publishing ? pipeline->refusal()
                                    : recording_refusal(*node);
}

errc partition_state::load_heads(const std::vector<std::string>& names) {
  for (auto& one : names) {
    if (heads->knows(one))
      continue;
    auto row = node->db->stream(id, one);
    if (!row)
      return row.error();
    heads->load(one, std::move(*row));
  }
  return errc::none;
}

record_pipeline::done
partition_state::deliver(caf::typed_response_promise<append_reply> to,
                         append_reply reply) {
  return [to, reply](errc why, log_index) mutable {
    if (why != errc::none)
      to.deliver(caf::make_error(why));
    else
      to.deliver(reply);
  };
}

void partition_state::record_or_wait(record what, record_pipeline::done then) {
  if (what.empty())
    return pipeline->after_all(std::move(then));
  what.at = node->now();
  if (auto* queued = pipeline->propose(std::move(what), std::move(then)))
    offer(*queued);
  else
    rebuild(); // memory has what was decided, and will never be recorded
}

caf::result<append_reply> partition_state::append(append_request& what) {
  if (auto why = refusal(effort_of(what)); why != errc::none)
    return caf::make_error(why);
  bound_heads();
  if (auto why = load_heads(heads->needs(what)); why != errc::none)
    return caf::make_error(why);
  auto decided = heads->append(what, node->wall());
  if (decided.compare_stored) {
    // Repeats beyond the window of remembered ids are rare: read and compare.
    auto stored = read_to_compare(*node->db, id, heads->find(what.stream)->id,
                                  decided.compare_from, what.events);
    if (!stored)
      return caf::make_error(stored.error());
    decided = heads->append_checked(what, *stored, node->wall());
  }
  schedule_sweeps(decided.what);
  auto promise = self->make_response_promise<append_reply>();
  record_or_wait(std::move(decided.what), deliver(promise, decided.reply));
  return promise;
}

caf::result<append_reply> partition_state::remove(const delete_request& what) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  bound_heads();
  if (auto why = load_heads({what.stream, metadata_stream(what.stream)});
      why != errc::none)
    return caf::make_error(why);
  auto decided = heads->remove(what, node->wall());
  auto promise = self->make_response_promise<append_reply>();
  record_or_wait(std::move(decided.what), deliver(promise, decided.reply));
  return promise;
}

caf::result<event_page_ptr> partition_state::read(read_request& what) {
  if (auto group = checkpointed_group(what.stream)) {
    auto latest = checkpoint_event(*node->db, id, group->first, group->second,
                                   node->wall());
    if (!latest)
      return caf::make_error(latest.error());
    if (*latest)
      return event_page_ptr{std::make_shared<event_page>(
        page_of_one(checkpoint_head(**latest), *latest, what))};
  }
  auto page = read_page({*node->db, node->placement, node->wall()}, id, what,
                        read_from::memory);
  if (!page)
    return caf::make_error(page.error());
  if (*page)
    return event_page_ptr{std::make_shared<event_page>(std::move(**page))};
  auto& reader = others.readers[next_reader++ % others.readers.size()];
  return self->delegate(reader, read_atom_v, std::move(what), id);
}

caf::result<stream_description>
partition_state::describe(const std::string& stream) {
  auto row = node->db->stream(id, stream);
  if (!row)
    return caf::make_error(row.error());
  stream_description out{std::move(*row), {}};
  if (auto found = groups.find(stream); found != groups.end()) {
    std::vector<std::pair<group_id, std::string>> by_age;
    for (auto& [group, entry] : found->second)
      by_age.emplace_back(entry.id, group);
    std::sort(by_age.begin(), by_age.end());
    for (auto& [age, group] : by_age)
      out.groups.push_back(std::move(group));
  }
  return out;
}

void partition_state::flushed(log_index index) {
  pipeline->flushed(index, [this](const record& what) { applied(what); });
  tell_streams();
  bound_heads();
  if (rebuilding && pipeline->idle())
    rebuild();
}

void partition_state::applied(const record& what) {
  node->counts.events_appended += what.events.size();
  if (!what.events.empty())
    appended = what.at;
  auto counted = pending.now();
  for (auto& one : what.changes) {
    if (auto* stream = std::get_if<put_stream>(&one))
      grown[stream->name] = stream->row;
    else if (auto* later = std::get_if<put_delayed>(&one))
      timers.changes.push_back(
        {later->message.due, later->message.id, later->message});
    else if (auto* never = std::get_if<erase_delayed>(&one))
      timers.changes.push_back({never->due, never->id, std::nullopt});
    else if (auto* group = std::get_if<put_group>(&one))
      group_applied(*group);
    else if (auto* gone = std::get_if<erase_group>(&one))
      group_erased({gone->stream, gone->group});
    agenda->applied(one);
    note_job(one, what.at);
    pending.applied(one);
  }
  tell_pending(counted);
}

void partition_state::tell_streams() {
  for (auto& [stream, row] : std::exchange(grown, {})) {
    tell_groups(stream, row);
    tell_waiters(stream, row.next, row.state == stream_state::tombstoned);
  }
  if (!waiters.empty())
    tell_waiters(std::string{all_stream}, next_of(std::string{all_stream}),
                 false);
  if (timers.changes.empty())
    return;
  timers.partition = id;
  self->send(others.timer, delayed_atom_v, std::exchange(timers, {}));
}

void partition_state::failed(errc why) {
  if (why != errc::unavailable) // a leader that leads no more: that was logged
    spdlog::error("partition cannot record partition={} error={}", id.value,
                  to_string(why));
  // The disk may have it all the same: nobody can tell before a restart.
  pipeline->failed(errc::unavailable);
  rebuild();
}

void partition_state::crashed(const std::exception& error) {
  ++node->counts.actor_failures;
  spdlog::critical("partition failed partition={} error={}: rebuilding it",
                   id.value, error.what());
  rebuild();
}

void partition_state::rebuild() {
  if (!std::exchange(rebuilding, true))
    ++node->counts.rebuilds;
  for (auto& [stream, on_it] : groups)
    for (auto& [group, entry] : on_it)
      if (auto actor = std::exchange(entry.actor, group_actor{})) {
        let_go_of.insert(actor.id());
        self->send(actor, failed_atom_v, caf::make_error(errc::unavailable));
      }
  end_consumer_groups();
  consumer_groups.clear();
  if (pipeline && !pipeline->idle())
    return; // what is on its way is decided and valid: it comes first
  if (auto why = begin(); why == errc::none)
    rebuilding = false;
  else {
    spdlog::error("partition cannot read its rows partition={} error={}",
                  id.value, to_string(why));
    arm(node->now() + 1000);
  }
}

errc partition_state::begin() {
  auto used = node->db->highest_ids(id);
  auto ids = node->db->recent_ids(id);
  auto stored = node->db->groups(id);
  if (!used || !ids || !stored)
    return !used ? used.error() : !ids ? ids.error() : stored.error();
  heads.emplace(used->stream);
  agenda.emplace(used->schedules);
  held_back.clear();
  retry_steps.clear();
  unfinished_jobs.clear();
  for (auto& one : *ids)
    heads->remember(one.id, one.stream, one.number);
  pipeline.emplace(node, id);
  accounts.reset();
  last_group = used->group.value;
  last_notice = used->notices;
  groups.clear();
  watched.clear();
  being_created.clear();
  sweeps.clear();
  for (auto& one : *stored)
    groups[one.stream][one.group].id = one.row.id;
  forget_pending();
  count_some();
  return errc::none;
}

caf::result<log_index> partition_state::recorded(record what) {
  auto promise = self->make_response_promise<log_index>();
  record_or_wait(std::move(what), [promise](errc why, log_index at) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(at);
  });
  return promise;
}

namespace {

void end_children(partition_state& state, const caf::exit_msg& why) {
  if (state.group_of_actor.contains(why.source.id()))
    return state.group_ended(why.source.id());
  if (state.consumer_group_of_actor.contains(why.source.id()))
    return state.consumer_group_ended(why.source.id());
  for (auto& [stream, on_it] : state.groups)
    for (auto& [group, entry] : on_it)
      if (entry.actor)
        state.self->send_exit(entry.actor, why.reason);
  for (auto& [group, entry] : state.consumer_groups)
    if (entry.actor)
      state.self->send_exit(entry.actor, why.reason);
  state.groups.clear(); // groups and partition hold each other
  state.consumer_groups.clear();
  state.others.members = membership_actor{};
  state.forget_pending();
  state.self->quit(why.reason);
}

} // namespace

partition_actor::behavior_type
partition_behavior(partition_actor::stateful_pointer<partition_state> self,
                   partition_id id, node_ptr node, node_actors others) {
  auto& state = self->state;
  state.self = self;
  state.id = id;
  state.node = std::move(node);
  state.others = std::move(others);
  self->set_exit_handler(
    [&state](caf::exit_msg& why) { end_children(state, why); });
  state.rebuild();
  state.node->counts.rebuilds = 0;
  auto failed = [&state](const std::exception& error) { state.crashed(error); };
  return {
    [&state, failed](append_atom, append_request& x) {
      return guarded([&] { return state.append(x); }, failed);
    },
    [&state, failed](delete_atom, const delete_request& x) {
      return guarded([&] { return state.remove(x); }, failed);
    },
    [&state, failed](read_atom, read_request& x) {
      return guarded([&] { return state.read(x); }, failed);
    },
    [&state, failed](describe_atom, const std::string& stream) {
      return guarded([&] { return state.describe(stream); }, failed);
    },
    [&state, failed](await_atom, const std::string& stream, event_number number,
                     std::uint64_t session, std::uint64_t wait_ms) {
      return guarded(
        [&] { return state.await(stream, number, session, wait_ms); }, failed);
    },
    [&state, failed](visible_atom, wall_time until) {
      return guarded([&] { return state.visible(until); }, failed);
    },
    [&state, failed](command_atom, group_command& x) {
      return guarded([&] { return state.command(x); }, failed);
    },
    [&state](fetch_atom atom, fetch_request& x) {
      return state.to_group<delivery_batch_ptr>(atom, x.key, x);
    },
    [&state](settle_atom atom, settle_request& x) {
      return state.to_group<settle_reply>(atom, x.key, x);
    },
    [&state](settle_atom atom, settle_batch& x) {
      return state.to_group<settle_batch_reply_ptr>(atom, x.key, x);
    },
    [&state](leases_atom atom, leases_query& x) {
      return state.to_group<lease_list_ptr>(atom, x.key, x);
    },
    [&state](why_atom atom, group_key& key) {
      return state.to_group<group_standing_ptr>(atom, key, key);
    },
    [&state](explain_atom atom, explain_query& x) {
      return state.to_group<explanation_ptr>(atom, x.key, x);
    },
    [&state](parked_atom atom, parked_query& x) {
      return state.to_group<parked_page_ptr>(atom, x.key, x);
    },
    [&state](parked_atom atom, parked_command& x) {
      return state.to_group<parked_reply>(atom, x.key, x);
    },
    [&state, failed](schedule_atom, schedule_request& x) {
      return guarded([&] { return state.schedule(x); }, failed);
    },
    [&state, failed](schedule_atom, recurring_request& x) {
      return guarded([&] { return state.schedule(x); }, failed);
    },
    [&state, failed](delayed_atom, const delayed_command& x) {
      return guarded([&] { return state.change_scheduled(x); }, failed);
    },
    [&state, failed](delayed_atom, bulk_command& x) {
      return guarded([&] { return state.begin_bulk(x); }, failed);
    },
    [&state](info_atom atom, group_key& key) {
      return state.to_group<group_info>(atom, key, key);
    },
    [&state, failed](groups_atom, const std::string& stream) {
      return guarded([&] { return state.groups_of(stream, true); }, failed);
    },
    [&state, failed](describe_atom) {
      return guarded([&] { return state.groups_of({}, false); }, failed);
    },
    [&state, failed](restart_atom) {
      return guarded([&] { return state.restart_groups(); }, failed);
    },
    [&](cancel_atom, const group_key& key, std::uint64_t session) {
      state.cancel(key, session);
    },
    [&](release_atom, const group_key& key, lease_id lease) {
      state.release(key, lease);
    },
    [&](await_atom, const group_key& key, event_number end) {
      state.await(key, end);
    },
    [&state, failed](propose_atom, proposal& x) {
      return guarded([&] { return state.propose(x); }, failed);
    },
    [&state, failed](fired_atom, const delayed_message& x) {
      return guarded([&] { return state.fired(x); }, failed);
    },
    [&state, failed](open_atom, open_readers& x) {
      return guarded([&] { return state.open(x); }, failed);
    },
    [&state, failed](poll_atom, slice_poll& x) {
      return guarded([&] { return state.poll(x); }, failed);
    },
    [&state, failed](commit_atom, group_reader& x) {
      return guarded([&] { return state.commit(x); }, failed);
    },
    [&](release_atom, const group_reader& x) { state.release(x); },
    [&state, failed](user_atom, const user_command& x) {
      return guarded([&] { return state.change_user(x); }, failed);
    },
    [&state, failed](users_atom, std::string& login) {
      return guarded([&] { return state.users(std::move(login)); }, failed);
    },
    [&](flushed_atom, log_index index) { state.flushed(index); },
    [&](failed_atom, const caf::error& why) { state.failed(to_errc(why)); },
    [&](tick_atom) { state.count_some(); },
    [&](wake_atom, std::uint64_t generation) { state.wake(generation); },
  };
}

} // namespace callboard
