// Links, and changing roles.
#include "cluster_member.hpp"

#include "actors/replication/clock_message.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "data_commands.hpp"
#include "listening.hpp"

#include <boost/asio/ip/address.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace callboard {

namespace {

constexpr auto clock_told_interval = std::chrono::minutes{1};

raft_options driver_options(const member_state& state) {
  raft_options out;
  out.self = state.self;
  out.seed = std::random_device{}();
  out.session = state.starts;
  return out;
}

} // namespace

cluster_member::~cluster_member() {
  stop();
}

std::unique_ptr<journal> cluster_member::make_journal(journal_events actors) {
  auto options = driver_options(stored_.state);
  auto out = std::make_unique<replicated_journal>(
    std::move(stored_), folder_.member(), std::move(options), db_,
    replication_outlets{
      .actors = std::move(actors),
      .send =
        [this](raft_id to, std::string message) {
          send(to, raft_kind, std::move(message));
        },
      .role = [this](bool leads,
                     raft_id leader) { role_changed(leads, leader); },
      .snapshot_wanted =
        [this] {
          if (snapshots_)
            snapshots_->fetch();
        },
      .members_changed =
        [this](const group_view& view) { members_changed(view); }},
    settings_.cluster.wal_keep_bytes);
  journal_ = out.get();
  return out;
}

cluster_link_events cluster_member::events() {
  return {.up = [this](node_id from,
                       const std::string& hello) { heard(from, hello); },
          .down =
            [this](node_id peer) {
              if (roles_.peer_down)
                roles_.peer_down(peer);
            },
          .received =
            [this](node_id from, std::uint8_t kind, std::string body) {
              received(from, kind, std::move(body));
            }};
}

bool cluster_member::start(cluster_roles roles, const node_addresses& own,
                           server::failure& why) {
  roles_ = std::move(roles);
  addresses_[self_] = own;
  snapshots_ = std::make_unique<snapshot_exchange>(
    db_, snapshot_folders_in(settings_.data),
    snapshot_outlets{
      .base = [this] { return journal_->base(); },
      .last = [this] { return journal_->status().last; },
      .send =
        [this](raft_id to, snapshot_frame kind, std::string bytes) {
          return send(to, std::uint8_t(kind), std::move(bytes));
        },
      .leader = [this] { return journal_->status().leader; },
      .complete = roles_.restart});
  auto& cluster = settings_.cluster;
  cluster_link_options links;
  links.self = self_;
  links.cluster = folder_.identity().cluster_id;
  links.secret = secret_;
  links.hello = encode(own);
  links.listen = {boost::asio::ip::make_address(cluster.address), cluster.port};
  linked_ = cluster.peers;
  for (auto& one : linked_)
    links.peers.push_back({one.id, one.host, one.port});
  try {
    links_ = std::make_unique<cluster_link>(std::move(links), events());
    sending_ = links_.get();
  } catch (const boost::system::system_error& error) {
    why = explain_listening(error.code(), cluster.listen,
                            "choose another address with --cluster");
    return false;
  }
  thread_ = std::thread{[this] { change_roles(); }};
  journal_->start();
  return true;
}

bool cluster_member::send(node_id to, std::uint8_t kind, std::string bytes) {
  auto* links = sending_.load();
  return links && links->send(to, kind, std::move(bytes));
}

cluster_snapshot cluster_member::snapshot() const {
  auto* links = sending_.load();
  cluster_snapshot out{folder_.identity().cluster_id,
                       journal_->status(),
                       links ? links->status()
                             : std::vector<cluster_link_status>{},
                       {},
                       known_peers()};
  out.lacks_room = links && snapshots_->lacks_room();
  std::lock_guard lock{mutex_};
  out.addresses = addresses_;
  out.removed = removed_;
  return out;
}

/// A leader that is heard may still be out of reach: what is sent to it goes
/// over another connection.
bool cluster_member::ready() const {
  auto now = journal_->status();
  auto* links = sending_.load();
  bool serves = now.leads || (links && links->connected(now.leader));
  std::lock_guard lock{mutex_};
  return serves && has_leader(now) && now.caught_up && !now.recovering
         && now.disk_answers && !removed_;
}

std::string cluster_member::status() const {
  return describe(snapshot());
}

std::string cluster_member::metrics() const {
  return metrics_of(snapshot());
}

std::string cluster_member::durability() const {
  return durability_of(journal_->status());
}

std::vector<gossip_member> cluster_member::gossip() const {
  return gossip_of(snapshot());
}

void cluster_member::received(node_id from, std::uint8_t kind,
                              std::string body) {
  if (kind == raft_kind)
    journal_->received(std::move(body));
  else if (kind == std::uint8_t(snapshot_frame::ask)
           || kind == std::uint8_t(snapshot_frame::piece)) {
    if (auto* to = snapshots_.get())
      to->received(from, static_cast<snapshot_frame>(kind), std::move(body));
  } else if (kind == members_kind)
    hear_members(from, body);
  else if (kind == drain_kind)
    journal_->drain(body == drain_on);
  else if (kind == clock_kind)
    hear_clock(body);
  else if (roles_.received)
    roles_.received(from, kind, std::move(body));
}

void cluster_member::tell_clock() {
  for (auto& one : known_peers())
    tell_clock(one.id);
}

/// At the start of a lead and of a connection, and now and then by the leader,
/// as the monotonic clocks of two nodes drift apart. Those who follow tell it
/// too: a leader that restarts and leads again hears it before it gets their
/// votes.
void cluster_member::tell_clock(node_id to) {
  auto log = journal_->status();
  auto now = roles_.clock();
  if (!now || to == self_)
    return;
  bool leads = false;
  {
    std::lock_guard lock{mutex_};
    leads = leads_ && log.leads; // in this term: the log may be ahead
  }
  send(to, clock_kind, encode(clock_message{*now, leads, log.term}));
}

/// Deadlines are in the leader's clock; the next leader goes on from there.
void cluster_member::hear_clock(const std::string& bytes) {
  auto told = decode_clock_message(bytes);
  if (!told || is_of_former_leader(*told, journal_->status().term))
    return;
  std::lock_guard lock{mutex_}; // its actors must not see it step
  if (!actors_live_)
    roles_.learn_clock(told->now, told->of_leader);
  else if (told->of_leader) // the next one, while ours end: it tells it once
    told_meanwhile_ = {told->now, std::chrono::steady_clock::now()};
}

/// The mutex is held; actors live no more.
void cluster_member::learn_meanwhile() {
  if (auto told = std::exchange(told_meanwhile_, std::nullopt)) {
    auto passed = std::chrono::steady_clock::now() - told->at;
    roles_.learn_clock(
      told->now + std::uint64_t(passed / std::chrono::milliseconds{1}), true);
  }
}

void cluster_member::role_changed(bool leads, raft_id leader) {
  {
    std::lock_guard lock{mutex_};
    lead_passed_ = lead_passed_ || (next_ && next_->leads && !leads);
    next_ = role{leads, leader};
  }
  wake_.notify_all();
}

void cluster_member::change_roles() {
  std::unique_lock lock{mutex_};
  for (;;) {
    auto news = [this] { return stopping_ || next_; };
    if (!farewell_until_) {
      auto woken = [&] { return news() || farewell_until_; };
      if (!wake_.wait_for(lock, clock_told_interval, woken) && leads_) {
        lock.unlock();
        tell_clock();
        lock.lock();
      }
    } else if (!wake_.wait_until(lock, *farewell_until_, news)) {
      lock.unlock();
      end_farewells();
      lock.lock();
    }
    if (stopping_)
      return;
    if (!next_)
      continue;
    auto next = *std::exchange(next_, std::nullopt);
    bool left = leads_ && !next.leads;
    bool led = !leads_ && next.leads;
    bool passed = std::exchange(lead_passed_, false);
    leads_ = next.leads;
    actors_live_ = actors_live_ || leads_;
    if (led)
      told_meanwhile_.reset();
    lock.unlock();
    if (left)
      roles_.leave();
    if (left || passed)
      journal_->actors_ended();
    if (led) {
      roles_.lead();
      tell_clock();
    } else if (!next.leads)
      roles_.follow(next.leader == 0 ? std::optional<node_id>{}
                                     : std::optional<node_id>{next.leader});
    lock.lock();
    actors_live_ = leads_;
    if (!actors_live_)
      learn_meanwhile();
    wake_.notify_all();
  }
}

void cluster_member::retire() {
  if (!journal_ || !links_ || journal_->status().peers.size() < 2)
    return;
  constexpr auto hold_max = std::chrono::milliseconds{500};
  constexpr auto wait_max = std::chrono::seconds{1};
  auto end = std::chrono::steady_clock::now() + hold_max;
  std::unique_lock lock{mutex_};
  while (leads_ && std::chrono::steady_clock::now() < end) {
    lock.unlock();
    auto left = roles_.hold();
    lock.lock();
    if (left == 0)
      break;
    wake_.wait_for(lock, std::chrono::milliseconds{2});
  }
  if (!leads_)
    return;
  journal_->transfer(0);
  wake_.wait_for(lock, wait_max, [this] { return !leads_; });
}

void cluster_member::stop_roles() {
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void cluster_member::stop() {
  if (std::exchange(stopped_, true))
    return;
  stop_roles();
  if (journal_)
    journal_->stop();
  if (snapshots_)
    snapshots_->stop();
  sending_ = nullptr;
  links_.reset();
}

} // namespace callboard
