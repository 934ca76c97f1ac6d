// The next step follows from who belongs to the group now.
#include "actors/replication/member_change.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

const raft_member* find(const std::vector<raft_member>& in, raft_id id) {
  auto at = std::ranges::find(in, id, &raft_member::id);
  return at == in.end() ? nullptr : &*at;
}

std::size_t voters(const std::vector<raft_member>& in) {
  return std::size_t(
    std::ranges::count(in, member_role::voter, &raft_member::role));
}

std::string node(raft_id id) {
  return "node " + std::to_string(id);
}

change_answer check_add(const std::vector<raft_member>& members,
                        const change_request& request) {
  if (request.id == 0
      || request.address.size() > limits::member_address_bytes_max)
    return {errc::invalid_argument, false, "no node can be called so"};
  for (auto& m : members)
    if (m.id != request.id && m.address == request.address)
      return {errc::already_exists, false,
              node(m.id) + " has the address " + request.address};
  if (!find(members, request.id) && members.size() >= limits::cluster_nodes_max)
    return {errc::too_large, false,
            "a cluster has at most " + std::to_string(limits::cluster_nodes_max)
              + " nodes"};
  return {};
}

change_answer check_remove(const std::vector<raft_member>& members,
                           raft_id self, raft_id id) {
  auto* member = find(members, id);
  if (member == nullptr)
    return {errc::not_found, false,
            node(id) + " does not belong to the cluster"};
  if (member->role == member_role::voter && voters(members) == 1)
    return {errc::invalid_argument, false, node(id) + " is the only voter"};
  if (id == self)
    return {errc::unavailable, false,
            node(id) + " leads and hands over first: ask again"};
  return {};
}

} // namespace

change_answer member_change::begin(const raft_driver& driver, raft_ms now,
                                   raft_id self,
                                   const change_request& request) {
  if (!driver.is_leader())
    return {errc::unavailable, false, "this node does not lead"};
  if (running()) {
    if (status_.request == request)
      return {errc::none, false, status_.text};
    return {errc::too_many_in_flight, false,
            node(status_.request.id) + " is being "
              + (status_.request.goal == change_goal::add ? "added" : "removed")
              + "; one change at a time"};
  }
  auto members = driver.members();
  auto refused = request.goal == change_goal::add
                   ? check_add(members, request)
                   : check_remove(members, self, request.id);
  if (refused.error != errc::none)
    return refused;
  auto* member = find(members, request.id);
  if (request.goal == change_goal::add && driver.settled() && member
      && member->address == request.address
      && member->role == member_role::voter)
    return {errc::none, true, node(request.id) + " votes"};
  status_ = {request, change_state::running, "begins"};
  progress_at_ = now;
  match_ = 0;
  return {errc::none, false, status_.text};
}

raft_effects member_change::advance(raft_driver& driver, raft_ms now) {
  if (!running())
    return {};
  if (!driver.is_leader()) {
    end(change_state::failed, "the leader changed: ask again");
    return {};
  }
  auto taken = step(driver, now);
  if (taken)
    return std::move(*taken);
  auto why = taken.error();
  if (why != errc::too_many_in_flight && why != errc::unavailable)
    end(change_state::failed, std::string{to_string(why)});
  else if (now - progress_at_
           >= raft_ms(limits::member_change_wait_max.count()))
    end(change_state::failed, "did not get on: " + status_.text);
  return {};
}

result<raft_effects> member_change::step(raft_driver& driver, raft_ms now) {
  if (!driver.settled()) {
    say("waits for a majority", now);
    return errc::too_many_in_flight;
  }
  return status_.request.goal == change_goal::add ? step_in(driver, now)
                                                  : step_out(driver, now);
}

result<raft_effects> member_change::step_in(raft_driver& driver, raft_ms now) {
  auto& [goal, id, address] = status_.request;
  auto members = driver.members();
  auto* member = find(members, id);
  if (member == nullptr || member->address != address)
    return driver.add(now, id, address);
  if (member->role == member_role::voter) {
    end(change_state::done, node(id) + " votes");
    return raft_effects{};
  }
  auto peers = driver.peers(now);
  auto peer = std::ranges::find(peers, id, &peer_state::id);
  if (peer->match > match_) {
    match_ = peer->match;
    progress_at_ = now;
  }
  if (voters(members) >= limits::cluster_voters_max) {
    say("catches up", now);
    if (driver.caught_up(now, id) != catch_up_state::finished)
      return errc::too_many_in_flight;
    end(change_state::done, node(id) + " is a standby: "
                              + std::to_string(limits::cluster_voters_max)
                              + " nodes vote already");
    return raft_effects{};
  }
  // Refused until all voters, and this one, have nearly everything.
  say(peer->silent_ms ? "catches up" : "is not heard", now);
  return driver.promote(now, id);
}

result<raft_effects> member_change::step_out(raft_driver& driver, raft_ms now) {
  auto id = status_.request.id;
  auto members = driver.members();
  auto* member = find(members, id);
  if (member == nullptr) {
    end(change_state::done, node(id) + " was removed");
    return raft_effects{};
  }
  say("waits until those that stay have everything", now);
  return member->role == member_role::voter ? driver.demote(now, id)
                                            : driver.remove(now, id);
}

void member_change::say(std::string text, raft_ms now) {
  if (text == status_.text)
    return;
  status_.text = std::move(text);
  progress_at_ = now;
}

void member_change::end(change_state state, std::string text) {
  status_.state = state;
  status_.text = std::move(text);
}

} // namespace callboard
