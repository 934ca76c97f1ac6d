// Groups of a partition: finding their actors, recording for them, waking them.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_actor.hpp"
#include "actors/group_info.hpp"
#include "actors/partition_actor.hpp"
#include "actors/read_page.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace callboard {

namespace {

delayed_id sweep_id(stream_id stream) noexcept {
  return {delayed_ids::sweeps | stream.value};
}

/// How long until invisible events of a stream with $maxAge are erased: they
/// are not served meanwhile, so this only bounds the space they take.
std::uint64_t sweep_interval_ms(const stream_policy& policy) noexcept {
  auto age_seconds = std::min<std::uint64_t>(policy.max_age_seconds, 86'400);
  return std::max<std::uint64_t>(age_seconds * 250, 1'000);
}

} // namespace

group_entry* partition_state::find(const group_key& key) {
  auto on_it = groups.find(key.stream);
  if (on_it == groups.end())
    return nullptr;
  auto found = on_it->second.find(key.group);
  return found == on_it->second.end() ? nullptr : &found->second;
}

result<group_actor> partition_state::serving(const group_key& key) {
  if (rebuilding)
    return errc::unavailable;
  auto* entry = find(key);
  if (entry == nullptr)
    return errc::not_found;
  if (entry->ending)
    return errc::unavailable; // its last records are on their way
  if (!entry->actor) {
    auto& reader = others.readers[next_reader++ % others.readers.size()];
    entry->actor = self->spawn<caf::linked>(
      group_behavior, key, id, node,
      caf::actor_cast<partition_actor>(self->ctrl()), reader);
    group_of_actor[entry->actor.id()] = key;
  }
  return entry->actor;
}

void partition_state::group_applied(const put_group& what) {
  group_key key{what.stream, what.group};
  being_created.erase(key);
  groups[what.stream][what.group].id = what.row.id;
}

void partition_state::group_erased(const group_key& key) {
  auto on_it = groups.find(key.stream);
  if (on_it == groups.end())
    return;
  on_it->second.erase(key.group); // its actor ends by itself
  if (on_it->second.empty()) {
    groups.erase(on_it);
    watched.erase(key.stream);
  }
}

caf::result<group_info> partition_state::command(group_command& what) {
  if (what.verb == group_verb::create)
    return create_group(what);
  auto actor = serving(what.key);
  if (!actor)
    return caf::make_error(actor.error());
  return self->delegate(*actor, command_atom_v, std::move(what));
}

caf::result<group_info> partition_state::create_group(group_command& what) {
  if (auto why = refusal(effort::publishing); why != errc::none)
    return caf::make_error(why);
  auto& key = what.key;
  if (find(key) != nullptr || being_created.contains(key)) {
    auto promise = self->make_response_promise<group_info>();
    pipeline->after_all([promise](errc why, log_index) mutable {
      promise.deliver(
        caf::make_error(why == errc::none ? errc::already_exists : why));
    });
    return promise;
  }
  if (last_group >= groups_max) {
    spdlog::error("no other group can be created: all numbers of groups were "
                  "used partition={} groups={}",
                  id.value, last_group);
    return caf::make_error(errc::too_large);
  }
  auto parked = parked_stream(key.stream, key.group);
  if (auto why = load_heads({key.stream, parked}); why != errc::none)
    return caf::make_error(why);
  auto end_of = [&](const std::string& stream) {
    auto* head = heads->find(stream);
    return head == nullptr ? event_number{} : head->next;
  };
  auto end = end_of(key.stream);
  auto* head = heads->find(key.stream);
  auto first = head == nullptr ? event_number{} : first_readable(*head);
  auto row = subscription::first_row(group_id{++last_group}, what.settings, end,
                                     end_of(parked), first);
  auto reply = describe_group(subscription{key, row, {}, end, end_of(parked)});
  being_created.insert(key);
  // Not earlier: an error returned behind it would answer nobody.
  auto promise = self->make_response_promise<group_info>();
  record todo;
  todo.changes.emplace_back(put_group{key.stream, key.group, std::move(row)});
  record_or_wait(std::move(todo),
                 [this, key, promise, reply](errc why, log_index) mutable {
                   if (why != errc::none)
                     return void(promise.deliver(caf::make_error(why)));
                   promise.deliver(std::move(reply));
                   // Its statistics begin now.
                   [[maybe_unused]] auto started = serving(key);
                 });
  return promise;
}

void partition_state::cancel(const group_key& key, std::uint64_t session) {
  if (!key.group.empty()) {
    if (auto* entry = find(key); entry != nullptr && entry->actor)
      self->send(entry->actor, cancel_atom_v, key, session);
    return;
  }
  auto waiting = waiters.find(key.stream);
  if (waiting == waiters.end())
    return;
  auto [first, end] = waiting->second.equal_range(session);
  for (auto at = first; at != end; ++at)
    at->second.promise.deliver(at->second.number);
  waiting->second.erase(first, end);
  if (waiting->second.empty())
    waiters.erase(waiting);
}

void partition_state::release(const group_key& key, lease_id lease) {
  if (auto* entry = find(key); entry != nullptr && entry->actor)
    self->send(entry->actor, release_atom_v, key, lease);
}

caf::result<log_index> partition_state::propose(proposal& what) {
  // Not `refusal()`: settling goes on while publishers are held back.
  if (rebuilding || comes_of_the_let_go())
    return caf::make_error(errc::unavailable);
  if (auto why = backlog_refusal(*node); why != errc::none)
    return caf::make_error(why);
  record todo;
  todo.changes = std::move(what.changes);
  if (!what.parked.empty() || what.cut_parked || what.removes) {
    if (auto why =
          load_heads({what.parked_stream, metadata_stream(what.parked_stream),
                      what.kept_stream, metadata_stream(what.kept_stream)});
        why != errc::none)
      return caf::make_error(why);
    if (!what.parked.empty() || what.cut_parked)
      heads->append_links(what.parked_stream, std::move(what.parked),
                          what.cut_parked, todo, node->wall());
    if (what.cut_parked && heads->find(what.kept_stream) != nullptr)
      heads->cut(what.kept_stream, *what.cut_parked, todo);
    for (auto& stream : {what.parked_stream, what.kept_stream})
      if (what.removes && heads->find(stream) != nullptr)
        absorb(
          heads->remove({stream, expected_version::any, false}, node->wall())
            .what,
          todo);
    schedule_sweeps(todo); // parked events may have a $maxAge, too
  }
  if (!what.copies.empty()) {
    if (auto why = load_heads({what.kept_stream}); why != errc::none)
      return caf::make_error(why);
    heads->append_copies(what.kept_stream, what.copies_from,
                         std::move(what.copies), todo, node->wall());
  }
  announce(std::move(what.notices), todo);
  if (!retry_steps.empty())
    count_moved(todo);
  if (what.wait)
    return recorded(std::move(todo));
  record_or_wait(std::move(todo), [](errc, log_index) {});
  return log_index{};
}

void partition_state::absorb(record&& part, record& into) {
  std::move(part.events.begin(), part.events.end(),
            std::back_inserter(into.events));
  std::move(part.changes.begin(), part.changes.end(),
            std::back_inserter(into.changes));
}

caf::result<bool> partition_state::fired(const delayed_message& message) {
  if (message.kind == delayed_kind::retention)
    return sweep(message);
  if (message.kind == delayed_kind::publish)
    return fire_publish(message);
  if (message.kind == delayed_kind::recurring)
    return fire_recurring(message);
  if (message.kind == delayed_kind::bulk)
    return fire_bulk(message);
  if (message.kind == delayed_kind::session_end)
    return self->delegate(others.members, fired_atom_v, message);
  if (message.kind == delayed_kind::announce)
    return publish_notices(message);
  auto actor = serving({message.stream, message.group});
  if (actor)
    return self->delegate(*actor, fired_atom_v, message);
  if (actor.error() != errc::not_found)
    return caf::make_error(actor.error());
  record todo; // nobody is left to hear it
  todo.changes.emplace_back(erase_delayed{message.due, message.id});
  return taken_over(std::move(todo));
}

record_pipeline::done
partition_state::taken_over(caf::typed_response_promise<bool> to) {
  return [to](errc why, log_index) mutable {
    if (why != errc::none)
      to.deliver(caf::make_error(why));
    else
      to.deliver(true);
  };
}

caf::result<bool> partition_state::taken_over(record todo) {
  auto promise = self->make_response_promise<bool>();
  record_or_wait(std::move(todo), taken_over(promise));
  return promise;
}

void partition_state::schedule_sweeps(record& what) {
  std::vector<put_delayed> later;
  for (auto& one : what.changes)
    if (auto* stream = std::get_if<put_stream>(&one);
        stream != nullptr && stream->row.policy.max_age_seconds > 0
        && !sweeps.contains(stream->name)) {
      auto due = node->now() + sweep_interval_ms(stream->row.policy);
      sweeps[stream->name] = due;
      later.push_back({{sweep_id(stream->row.id),
                        due,
                        delayed_kind::retention,
                        stream->name,
                        {},
                        0}});
    }
  std::move(later.begin(), later.end(), std::back_inserter(what.changes));
}

/// The first event that is not older: they are stored in order of their time.
/// One that is damaged is as old as the next one that can be read; what cannot
/// be read up to the end stays.
result<event_number> partition_state::first_younger(const stream_row& head,
                                                    wall_time oldest) const {
  auto [low, high] = std::pair{head.first_live.value, head.next.value};
  while (low < high) {
    auto middle = low + (high - low) / 2;
    auto at = middle;
    auto one = node->db->read(id, head.id, {at}, 1, 1);
    for (std::uint64_t step = 1;
         !one && one.error() == errc::corrupt && step < high - middle;
         step *= 2) { // damage may be as long as a block
      at = middle + step;
      one = node->db->read(id, head.id, {at}, 1, 1);
    }
    if (!one && one.error() != errc::corrupt)
      return one.error();
    if (one && (one->empty() || one->front()->created < oldest))
      low = at + 1;
    else
      high = middle;
  }
  return event_number{low};
}

caf::result<bool> partition_state::sweep(const delayed_message& message) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  if (auto why = load_heads({message.stream}); why != errc::none)
    return caf::make_error(why);
  record todo;
  todo.changes.emplace_back(erase_delayed{message.due, message.id});
  auto planned = sweeps.find(message.stream);
  // After a restart two may be stored for a stream; one of them goes on.
  bool stale = planned != sweeps.end() && planned->second != message.due;
  if (!stale)
    sweeps.erase(message.stream); // or none would ever be planned again
  auto* head = heads->find(message.stream);
  if (stale || head == nullptr || head->policy.max_age_seconds == 0
      || head->state != stream_state::live)
    return taken_over(std::move(todo));
  auto oldest = oldest_visible(head->policy, node->wall());
  auto first = first_younger(*head, oldest);
  if (!first)
    return caf::make_error(first.error());
  heads->cut(message.stream, *first, todo);
  if (*first < head->next) {
    auto due = node->now() + sweep_interval_ms(head->policy);
    sweeps[message.stream] = due;
    todo.changes.emplace_back(put_delayed{{sweep_id(head->id),
                                           due,
                                           delayed_kind::retention,
                                           message.stream,
                                           {},
                                           0}});
  }
  return taken_over(std::move(todo));
}

} // namespace callboard
