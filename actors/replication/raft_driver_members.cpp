// The group around a member: who belongs to it, who leads, who follows how.
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

#include <algorithm>

namespace callboard {

using namespace engine;

namespace {

auto find_member(std::vector<raft_member>& members, raft_id id) {
  return std::ranges::find(members, id, &raft_member::id);
}

std::size_t voters(const std::vector<raft_member>& members) {
  return std::size_t(
    std::ranges::count(members, member_role::voter, &raft_member::role));
}

} // namespace

// -- who belongs to it -------------------------------------------------------

std::vector<raft_member> raft_driver::members() const {
  return members_of(engine_.configuration);
}

bool raft_driver::only_voter() const {
  auto all = members();
  auto self = find_member(all, options_.self);
  return self != all.end() && self->role == member_role::voter
         && voters(all) == 1;
}

int raft_driver::step_with_vote(raft_event& event, raft_effects& out) {
  // Who counts a vote knows whose count. The engine gives none if this member
  // has none by its own configuration, and a candidate whose newer one says
  // otherwise may depend on it: then there would be no leader, for ever.
  auto* self = engine_.configuration.servers;
  auto* end = self + engine_.configuration.n;
  while (self != end && self->id != options_.self)
    ++self;
  if (self == end)
    return try_step(event, out);
  auto role = std::exchange(self->role, int{RAFT_VOTER});
  auto failed = try_step(event, out);
  self->role = role;
  return failed;
}

errc raft_driver::may_change() const {
  // A configuration of an earlier leader may be replaced only once it cannot
  // come back, which an entry of this term decides.
  if (!is_leader() || applied_term_ != term())
    return errc::unavailable;
  if (!settled() || engine_.leader_state.promotee_id != 0)
    return errc::too_many_in_flight;
  return errc::none;
}

bool raft_driver::settled() const noexcept {
  return engine_.configuration_uncommitted_index == 0;
}

entry_index raft_driver::configuration_index() const noexcept {
  return settled() ? engine_.configuration_committed_index
                   : engine_.configuration_uncommitted_index;
}

result<raft_effects> raft_driver::add(raft_ms now, raft_id id,
                                      const std::string& address) {
  if (auto refused = may_change(); refused != errc::none)
    return refused;
  auto next = members();
  if (id == 0 || address.size() > limits::member_address_bytes_max)
    return errc::invalid_argument;
  auto same = std::ranges::find(next, address, &raft_member::address);
  auto known = find_member(next, id);
  if (same != next.end() || (known != next.end() && address.empty()))
    return errc::already_exists;
  if (known != next.end()) {
    known->address = address;
    return change(now, std::move(next));
  }
  if (next.size() >= limits::cluster_nodes_max)
    return errc::too_large;
  next.push_back({id, member_role::standby, address});
  return change(now, std::move(next));
}

result<raft_effects> raft_driver::promote(raft_ms now, raft_id id) {
  if (auto refused = may_change(); refused != errc::none)
    return refused;
  auto next = members();
  auto member = find_member(next, id);
  if (member == next.end())
    return errc::not_found;
  if (member->role == member_role::voter)
    return errc::already_exists;
  if (voters(next) >= limits::cluster_voters_max)
    return errc::too_large;
  if (match(id) < engine_.configuration_committed_index)
    return errc::too_many_in_flight; // it does not know that it is a member
  member->role = member_role::voter;
  // Should this leader be lost now, those that are left must suffice.
  for (auto& m : next)
    if (m.role == member_role::voter && !close(now, m.id))
      return errc::too_many_in_flight;
  return change(now, std::move(next));
}

result<raft_effects> raft_driver::demote(raft_ms now, raft_id id) {
  return leave(now, id, true);
}

result<raft_effects> raft_driver::remove(raft_ms now, raft_id id) {
  return leave(now, id, false);
}

result<raft_effects> raft_driver::leave(raft_ms now, raft_id id, bool stays) {
  if (auto refused = may_change(); refused != errc::none)
    return refused;
  auto next = members();
  auto member = find_member(next, id);
  if (member == next.end())
    return errc::not_found;
  bool votes = member->role == member_role::voter;
  if (stays && !votes)
    return errc::already_exists;
  if (votes && (voters(next) == 1 || id == options_.self))
    return errc::invalid_argument;
  if (stays)
    member->role = member_role::standby;
  else
    next.erase(member);
  // The one that leaves may be gone for good; those that stay must suffice.
  auto ready = std::ranges::count_if(next, [&](auto& m) {
    return m.role == member_role::voter && close(now, m.id);
  });
  if (votes && std::size_t(ready) <= voters(next) / 2)
    return errc::too_many_in_flight;
  return change(now, std::move(next));
}

result<raft_effects> raft_driver::change(raft_ms now,
                                         std::vector<raft_member> members) {
  raft_effects out;
  if (handing_over_ || raft_transferee(&engine_) != 0)
    return errc::unavailable;
  if (append(now,
             {{0, entry_kind::configuration,
               std::make_shared<const std::string>(encode(members))}},
             out)
      != 0)
    return errc::unavailable;
  return out;
}

result<raft_effects> raft_driver::catch_up(raft_ms now, raft_id id) {
  if (auto refused = may_change(); refused != errc::none)
    return refused;
  auto now_members = members();
  auto member = find_member(now_members, id);
  if (member == now_members.end())
    return errc::not_found;
  if (member->role == member_role::voter)
    return errc::already_exists;
  raft_effects out;
  // The engine looks at a round only when the member has got something new.
  if (close(now, id))
    return out;
  auto event = event_at(now, RAFT_CATCH_UP);
  event.catch_up.server_id = id;
  step(event, out);
  return out;
}

catch_up_state raft_driver::caught_up(raft_ms now, raft_id id) const {
  int status = RAFT_CATCH_UP_NONE;
  if (raft_catch_up(&engine_, id, &status) != 0)
    return catch_up_state::none;
  if (status != RAFT_CATCH_UP_RUNNING && close(now, id))
    return catch_up_state::finished;
  switch (status) {
    case RAFT_CATCH_UP_RUNNING: return catch_up_state::running;
    case RAFT_CATCH_UP_ABORTED: return catch_up_state::aborted;
    default: return catch_up_state::none; // finished, and behind again
  }
}

// -- how they follow ---------------------------------------------------------

entry_index raft_driver::match(raft_id id) const {
  if (id == options_.self)
    return engine_.last_stored;
  auto known = peers_.find(id);
  raft_index index = 0;
  if (known != peers_.end() && !known->second.lost)
    raft_match_index(&engine_, id, &index);
  return index;
}

bool raft_driver::in_contact(raft_ms now, raft_id id) const {
  if (id == options_.self)
    return true;
  auto known = peers_.find(id);
  return known != peers_.end() && known->second.heard_at
         && now - *known->second.heard_at < options_.election_timeout_ms;
}

bool raft_driver::close(raft_ms now, raft_id id) const {
  return in_contact(now, id) && match(id) + options_.close_entries_max >= last_;
}

std::vector<peer_state> raft_driver::peers(raft_ms now) const {
  std::vector<peer_state> out;
  for (auto& m : members()) {
    peer_state state{m.id, m.role, 0, 0, {}, m.address};
    auto known = peers_.find(m.id);
    if (known != peers_.end() && known->second.heard_at)
      state.silent_ms = now - *known->second.heard_at;
    if (is_leader()) {
      state.match = match(m.id);
      state.next = known == peers_.end() ? 0 : known->second.next;
    }
    if (m.id == options_.self) {
      state.next = is_leader() ? last_ + 1 : 0;
      state.silent_ms = 0;
    }
    out.push_back(state);
  }
  return out;
}

// -- who leads ---------------------------------------------------------------

raft_id raft_driver::leader() const noexcept {
  if (is_leader())
    return options_.self;
  return leader_term_ == term() ? leader_ : 0;
}

raft_id raft_driver::best_successor(raft_ms now) const {
  raft_id best = 0;
  for (auto& m : members())
    if (m.role == member_role::voter && m.id != options_.self
        && in_contact(now, m.id) && match(m.id) != 0
        && (best == 0 || match(m.id) > match(best)))
      best = m.id;
  return best;
}

result<raft_effects> raft_driver::transfer(raft_ms now, raft_id to) {
  if (!is_leader() || handing_over_ || raft_transferee(&engine_) != 0)
    return errc::unavailable;
  auto all = members();
  if (auto m = find_member(all, to);
      to != 0
      && (m == all.end() || m->role != member_role::voter
          || to == options_.self))
    return errc::not_found;
  if (to == 0)
    to = best_successor(now);
  if (to == 0 || !in_contact(now, to))
    return errc::unavailable;
  handing_over_ = {to, now + options_.election_timeout_ms};
  raft_effects out;
  continue_transfer(now, out);
  return out;
}

void raft_driver::continue_transfer(raft_ms now, raft_effects& out) {
  if (!handing_over_)
    return;
  auto [to, until] = *handing_over_;
  if (!is_leader() || now >= until)
    handing_over_.reset();
  // Asked earlier, the engine tells the other to campaign before it has
  // everything, is ignored, and does not try again.
  else if (match(to) == last_) {
    handing_over_.reset();
    auto event = event_at(now, RAFT_TRANSFER);
    event.transfer.server_id = to;
    try_step(event, out);
  }
}

void raft_driver::notice_loss(raft_ms now, const peer_message& message,
                              raft_effects& out) {
  // A follower without entries that it once had. The engine takes its answers
  // for old ones and sends it nothing any more, but another leader begins with
  // what members say now.
  auto& answer = message.header.append_entries_result;
  if (!is_leader() || message.header.type != RAFT_APPEND_ENTRIES_RESULT
      || answer.term != term())
    return;
  auto& from = peers_[message.from];
  raft_index had = 0;
  raft_match_index(&engine_, message.from, &had);
  if (answer.rejected != 0 && answer.last_log_index < had)
    from.lost = true;
  else if (answer.rejected == 0 && answer.last_log_index >= had)
    from.lost = false; // a snapshot may have brought it all back
  if (!from.lost || handing_over_)
    return;
  if (auto to = best_successor(now))
    handing_over_ = {to, now + options_.election_timeout_ms};
  continue_transfer(now, out);
}

} // namespace callboard
