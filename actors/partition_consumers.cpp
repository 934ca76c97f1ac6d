// Consumer groups of a partition: finding their actors, ending them.
#include "actors/consumer_group_actor.hpp"
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"

#include <utility>

namespace callboard {

result<consumer_group_actor>
partition_state::consuming(const std::string& group) {
  if (rebuilding)
    return errc::unavailable;
  if (consumer_groups.size() >= limits::consumer_groups_max
      && !consumer_groups.contains(group))
    end_idlest_consumer_group();
  auto& entry = consumer_groups[group];
  entry.used = ++consumer_groups_used;
  if (entry.ending)
    return errc::unavailable; // its last records are on their way
  if (!entry.actor) {
    auto& reader = others.readers[next_reader++ % others.readers.size()];
    entry.actor = self->spawn<caf::linked>(
      consumer_group_behavior, group, id, node,
      caf::actor_cast<partition_actor>(self->ctrl()), reader);
    consumer_group_of_actor[entry.actor.id()] = group;
  }
  return entry.actor;
}

caf::result<bool> partition_state::open(open_readers& what) {
  auto actor = consuming(what.group);
  if (!actor)
    return caf::make_error(actor.error());
  return self->delegate(*actor, open_atom_v, std::move(what));
}

caf::result<slice_reply_ptr> partition_state::poll(slice_poll& what) {
  auto actor = consuming(what.group);
  if (!actor)
    return caf::make_error(actor.error());
  return self->delegate(*actor, poll_atom_v, std::move(what));
}

caf::result<bool> partition_state::commit(group_reader& who) {
  auto actor = consuming(who.group);
  if (!actor)
    return caf::make_error(actor.error());
  return self->delegate(*actor, commit_atom_v, std::move(who));
}

void partition_state::release(const group_reader& who) {
  if (auto found = consumer_groups.find(who.group);
      found != consumer_groups.end() && found->second.actor)
    self->send(found->second.actor, release_atom_v, who);
}

/// They come back from their rows when they are needed.
void partition_state::end_consumer_groups() {
  for (auto& [group, entry] : consumer_groups)
    if (entry.actor)
      end(entry);
}

/// Makes room; what that one handed out comes again.
void partition_state::end_idlest_consumer_group() {
  const consumer_group_entry* idlest = nullptr;
  for (auto& [group, entry] : consumer_groups)
    if (entry.actor && !let_go_of.contains(entry.actor.id())
        && (idlest == nullptr || entry.used < idlest->used))
      idlest = &entry;
  if (idlest != nullptr)
    end(*idlest);
}

void partition_state::end(const consumer_group_entry& entry) {
  let_go_of.insert(entry.actor.id());
  self->send(entry.actor, failed_atom_v, caf::make_error(errc::unavailable));
}

void partition_state::consumer_group_ended(caf::actor_id who) {
  let_go_of.erase(who);
  auto group = consumer_group_of_actor.extract(who).mapped();
  auto found = consumer_groups.find(group);
  if (found == consumer_groups.end() || !found->second.actor
      || found->second.actor.id() != who)
    return;
  // Its rows are complete once everything it proposed is applied.
  found->second = {consumer_group_actor{}, true, 0};
  pipeline->after_all(
    [this, group](errc, log_index) { consumer_groups.erase(group); });
}

} // namespace callboard
