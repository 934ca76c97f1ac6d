// The competing consumers of a group of a simulated cluster.
#include "actors/core/names.hpp"
#include "tests/replication/raft_cluster.hpp"
#include "tests/simulation/cluster_clients.hpp"

#include <algorithm>

namespace callboard::test {

void group_client::act() {
  if (!created_)
    return world_.one_in(20) ? create() : void();
  if (world_.calm) {
    if (world_.one_in(3))
      fetch(100);
    return settle(settle_action::ack);
  }
  switch (world_.random() % 100) {
    case 0: return in_hand_.clear(); // its consumers died
    case 1: return replay();
    case 2:
    case 3: return settle(settle_action::park);
    case 4:
    case 5: return settle(settle_action::skip);
    default: break;
  }
  switch (world_.random() % 8) {
    case 0:
    case 1: return fetch(1 + world_.random() % 4);
    case 2:
    case 3: return settle(settle_action::ack);
    case 4: return settle(settle_action::retry);
    default: break;
  }
}

/// Asks the group, wherever it is served.
void group_client::ask(
  const std::function<void(simulated_partition&, subscription&)>& what) {
  world_.cluster.request([this, what](auto& broker) {
    auto& home = broker.home_of(key_.stream);
    if (home.has(key_))
      what(home, home.group(key_));
  });
}

void group_client::create() {
  world_.cluster.request([this](auto& broker) {
    auto& home = broker.home_of(key_.stream);
    auto done = [this] {
      created_ = world_.log.rows(where()).groups.contains(key_);
    };
    if (home.has(key_))
      home.perform(key_, {}, done); // it may be on its way
    else
      home.create(key_, settings_, done);
  });
}

void group_client::fetch(std::size_t count) {
  ask([this, count, asked_at = ++moments_](auto& home, auto&) {
    home.fetch(key_, count, [this, &home, asked_at](auto& what) {
      take(home, what, asked_at);
    });
  });
}

void group_client::take(simulated_partition& from,
                        const simulated_partition::deliveries& what,
                        std::uint64_t asked_at) {
  if (what.empty())
    return;
  auto& core = from.group(key_);
  if (world_.lost() && world_.one_in(2)) // its client went away
    return from.perform(key_, core.release(what.front().first.lease, from.now),
                        [] {});
  for (auto& [leased, e] : what)
    take(core.row().id, leased, *e, asked_at);
  if (world_.lost())
    in_hand_.clear();
}

void group_client::take(group_id group, const leased_event& leased,
                        const event& e, std::uint64_t asked_at) {
  auto number =
    leased.at.in == lane::source ? e.number.value : std::stoull(e.data);
  auto about = key_.group + " event " + std::to_string(number) + " attempt "
               + std::to_string(leased.attempt);
  world_.log.require_leased(where(), group, leased);
  if (!delivered_.emplace(leased.at, leased.attempt).second)
    throw violation(about + ": delivered twice with one attempt");
  if (auto known = settled_.find(number);
      known != settled_.end() && known->second < asked_at)
    throw violation(about + ": delivered after its ack was answered");
  ++world_.counts.delivered;
  world_.counts.delivered_again += leased.attempt > 1;
  in_hand_[e.id] = {leased.at, number, leased.attempt};
}

void group_client::settle(settle_action action) {
  std::vector<uuid> ids;
  std::vector<std::uint32_t> attempts;
  for (auto& [id, what] : in_hand_)
    if (world_.calm || world_.one_in(2)) {
      ids.push_back(id);
      attempts.push_back(what.attempt);
    }
  if (ids.empty())
    return;
  std::optional<std::uint64_t> delay;
  if (action == settle_action::retry && world_.one_in(2))
    delay = world_.random() % 800;
  bool for_good = action == settle_action::ack || action == settle_action::skip;
  ask([=, this](auto& home, auto& core) {
    auto todo =
      core.settle(action, ids, "asked", delay, home.now, world_.random());
    bool all = todo.applied == ids.size();
    home.perform(key_, std::move(todo),
                 [=, this] { settled(ids, attempts, for_good && all); });
  });
}

/// `for_good`: all of them. Of some that had no effect nobody knows which.
void group_client::settled(const std::vector<uuid>& ids,
                           const std::vector<std::uint32_t>& attempts,
                           bool for_good) {
  if (world_.lost())
    return; // asked again, as long as they are in hand
  ++moments_;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto found = in_hand_.find(ids[i]);
    if (found == in_hand_.end())
      continue;
    auto [at, number, attempt] = found->second;
    if (attempt != attempts[i] && !for_good)
      continue; // a late answer: meanwhile it was delivered again
    in_hand_.erase(found);
    auto& rows = world_.log.rows(where());
    auto* run = rows.run_of(rows.groups.at(key_).id, at.in, at.number);
    if (run && run->state == run_state::leased
        && delivered_.contains({at, run->attempt}))
      throw violation(key_.group + " event " + std::to_string(number)
                      + ": it was settled, and its lease goes on");
    if (!for_good)
      continue;
    if (!world_.log.settled(where(), key_, at))
      throw violation(key_.group + " event " + std::to_string(number)
                      + ": its ack was answered, and is not committed");
    settled_.emplace(number, moments_);
    ++world_.counts.settled;
  }
}

void group_client::replay() {
  std::optional<event_number> stop;
  if (world_.one_in(2))
    stop = event_number{world_.random() % 6};
  ask([this, stop](auto& home, auto& core) {
    home.perform(key_, core.replay(stop), [this] { ++world_.counts.replayed; });
  });
}

void group_client::check_end() const {
  if (!created_)
    throw violation(key_.group + " cannot be created");
  auto& rows = world_.log.rows(where());
  auto& row = rows.groups.at(key_);
  auto parked = parked_stream(key_.stream, key_.group);
  std::uint64_t waiting = 0;
  for (auto n = row.replay_end; auto link = rows.find(parked, n); n = n + 1) {
    ++waiting;
    if (settled_.contains(std::stoull(link->data)))
      throw violation(key_.group + " has parked what was acked: " + link->data);
  }
  auto source = rows.streams.find(key_.stream);
  auto published = source == rows.streams.end() ? 0 : source->second.next.value;
  if (row.settled + waiting != published)
    throw violation(key_.group + " has settled " + std::to_string(row.settled)
                    + " and parked " + std::to_string(waiting) + " of "
                    + std::to_string(published));
}

} // namespace callboard::test
