// Who belongs to the cluster, where they are, and what operators change of it.
#include "actors/core/bytes.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "cluster_member.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

unsigned status_of(const change_answer& answer) {
  switch (answer.error) {
    case errc::none: return answer.done ? 200 : 202;
    case errc::invalid_argument: return 400;
    case errc::not_found: return 404;
    case errc::already_exists:
    case errc::too_large:
    case errc::too_many_in_flight: return 409;
    default: return 503;
  }
}

change_told telling(std::function<void(cluster_reply)> then) {
  return [then = std::move(then)](change_answer answer) {
    then({status_of(answer), std::move(answer.text)});
  };
}

/// Nodes whose `--peers` name the node do not look at what is stored.
change_told noting(change_told then, const peer_address& named) {
  return [then = std::move(then), named](change_answer answer) {
    if (answer.error == errc::none)
      answer.text += "; but nodes whose --peers name node "
                     + std::to_string(named.id)
                     + " go on looking for it there, this one at "
                     + to_string(named) + ": change those --peers too";
    then(std::move(answer));
  };
}

bool names(const std::vector<peer_address>& peers, node_id id) {
  return std::ranges::find(peers, id, &peer_address::id) != peers.end();
}

/// The index of a configuration, and its members.
std::string encode(entry_index index, std::span<const raft_member> members) {
  std::string out;
  byte_writer writer{out};
  writer.byte(1); // version
  writer.varint(index);
  writer.text(encode_members(members));
  return out;
}

} // namespace

// --- what operators want ----------------------------------------------------

void cluster_member::change(const cluster_command& what,
                            std::function<void(cluster_reply)> then) {
  switch (what.verb) {
    case cluster_verb::add:
    case cluster_verb::remove: return change_members(what, std::move(then));
    case cluster_verb::transfer:
      return journal_->transfer(what.node, telling(std::move(then)));
    case cluster_verb::drain:
    case cluster_verb::resume:
      return then(drain(what.node, what.verb == cluster_verb::drain));
  }
}

void cluster_member::change_members(const cluster_command& what,
                                    std::function<void(cluster_reply)> then) {
  change_request request{change_goal::remove, what.node, {}};
  if (what.verb == cluster_verb::add) {
    std::vector<peer_address> at;
    if (auto wrong =
          read_peers(at, std::to_string(what.node) + "=" + what.address);
        wrong || at.size() != 1)
      return then({400, "address is '" + what.address
                          + "'; allowed: HOST:PORT of the node's --cluster."});
    if (db_.partitions() != cluster_partitions)
      return then({409, "This cluster was begun with one node alone, and so "
                        "has other partitions than one with more nodes."});
    request = {change_goal::add, what.node, to_string(at.front())};
  }
  auto told = telling(std::move(then));
  for (auto& one : settings_.cluster.peers)
    if (one.id == what.node && what.verb == cluster_verb::add
        && to_string(one) != request.address)
      told = noting(std::move(told), one);
  journal_->change(std::move(request), std::move(told));
}

cluster_reply cluster_member::drain(node_id node, bool on) {
  if (node == 0 || node == self_) {
    journal_->drain(on);
    return {200, on ? "hands over, and leads no more" : "may lead again"};
  }
  auto peers = journal_->status().peers;
  if (std::ranges::find(peers, node, &peer_state::id) == peers.end())
    return {404,
            "node " + std::to_string(node) + " does not belong to the cluster"};
  if (!send(node, drain_kind, on ? drain_on : drain_off))
    return {503, "node " + std::to_string(node) + " cannot be reached"};
  return {202,
          "node " + std::to_string(node)
            + (on ? " was told not to lead" : " was told that it may lead")};
}

// --- who belongs to it ------------------------------------------------------

/// The node's own `--peers` win: an address may change.
std::optional<peer_address>
cluster_member::address_of(const raft_member& member) const {
  for (auto& one : settings_.cluster.peers)
    if (one.id == member.id)
      return one;
  std::vector<peer_address> at;
  if (read_peers(at, std::to_string(member.id) + "=" + member.address)
      || at.size() != 1)
    return std::nullopt;
  return at.front();
}

/// Those of the configuration. A node that may lack the newest one believes
/// also what it was told, and its `--peers`.
std::vector<peer_address> cluster_member::known_peers() const {
  std::vector<peer_address> out;
  auto add = [&](auto& members) {
    for (auto& member : members)
      if (!names(out, member.id))
        if (auto at = address_of(member))
          out.push_back(std::move(*at));
  };
  std::lock_guard lock{mutex_};
  add(view_.members);
  if (view_.recovering || view_.members.empty()) {
    add(told_);
    for (auto& one : settings_.cluster.peers)
      if (!names(out, one.id))
        out.push_back(one);
  }
  return out;
}

/// On the journal's thread.
void cluster_member::members_changed(const group_view& view) {
  bool again = false;
  {
    std::lock_guard lock{mutex_};
    view_ = view;
    again = std::exchange(removed_, false);
  }
  if (again)
    roles_.take_part(true);
  link_peers();
  for (auto& member : view.members)
    if (member.id != self_)
      tell_members(member.id);
}

/// Who is not named any more is still let in for a moment, and told.
void cluster_member::link_peers() {
  auto next = known_peers();
  std::vector<node_id> gone;
  std::vector<cluster_peer> peers;
  {
    std::lock_guard lock{mutex_};
    for (auto& one : linked_)
      if (!names(next, one.id) && !names(leaving_, one.id)) {
        leaving_.push_back(one);
        farewell_until_ =
          std::chrono::steady_clock::now() + limits::farewell_wait;
      }
    std::erase_if(leaving_, [&](auto& one) { return names(next, one.id); });
    for (auto* some : {&next, &leaving_})
      for (auto& one : *some)
        peers.push_back({one.id, one.host, one.port});
    for (auto& one : leaving_)
      gone.push_back(one.id);
    linked_ = std::move(next);
  }
  if (auto* links = sending_.load())
    links->set_peers(std::move(peers));
  for (auto id : gone)
    tell_members(id);
  wake_.notify_all();
}

void cluster_member::end_farewells() {
  {
    std::lock_guard lock{mutex_};
    leaving_.clear();
    farewell_until_.reset();
  }
  link_peers();
}

// --- what nodes tell each other of it ---------------------------------------

void cluster_member::heard(node_id from, const std::string& hello) {
  journal_->connected(from);
  tell_members(from);
  tell_clock(from);
  auto at = decode_addresses(hello);
  std::lock_guard lock{mutex_};
  if (!at)
    return;
  warn_of_other_ports(addresses_[self_], *at);
  addresses_[from] = std::move(*at);
}

std::optional<node_addresses> cluster_member::addresses_of(node_id node) const {
  std::lock_guard lock{mutex_};
  auto at = addresses_.find(node);
  return at == addresses_.end() ? std::optional<node_addresses>{} : at->second;
}

/// So a node that knows one other finds all, and one that was removed knows.
void cluster_member::tell_members(node_id to) {
  std::vector<raft_member> members;
  entry_index index = 0;
  {
    std::lock_guard lock{mutex_};
    if (!view_.settled || view_.recovering || view_.members.empty())
      return;
    members = view_.members;
    index = view_.index;
  }
  send(to, members_kind, encode(index, members));
}

void cluster_member::hear_members(node_id from, const std::string& bytes) {
  byte_reader in{bytes};
  bool known_version = in.byte() == 1;
  auto index = in.varint();
  auto members = decode_members(std::string{in.text()});
  if (!known_version || !in.good() || !in.at_end() || !members)
    return;
  bool named =
    std::ranges::find(*members, self_, &raft_member::id) != members->end();
  bool learns = false;
  {
    std::lock_guard lock{mutex_};
    learns = view_.recovering || view_.members.empty();
    if (learns)
      told_ = std::move(*members);
    else if (named || index <= view_.index || std::exchange(removed_, true))
      return;
  }
  if (learns)
    return link_peers();
  spdlog::warn("this node was removed from the cluster, says node={}: it can "
               "be stopped",
               from);
  roles_.take_part(false);
}

std::vector<std::string> cluster_member::barco_hosts() const {
  auto known = settings_.cluster.peers;
  auto members = journal_->status().peers;
  if (!members.empty()) { // the log is read
    known.clear();
    for (auto& one : members)
      known.push_back(
        {one.id, one.address.substr(0, one.address.rfind(':')), 0});
  }
  std::lock_guard lock{mutex_};
  return callboard::barco_hosts(known, addresses_);
}

} // namespace callboard
