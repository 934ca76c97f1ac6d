// Opening what a member has, and changing roles.
#include "cluster_member.hpp"

#include "actors/replication/cluster_limits.hpp"
#include "data_commands.hpp"

#include <boost/asio/ip/address.hpp>
#include <sodium.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

namespace callboard {

namespace fs = std::filesystem;

namespace {

/// Nobody else has what it has.
bool is_only_voter(const member_state& state) {
  auto known = decode_members(state.base.configuration);
  return known && std::none_of(known->begin(), known->end(), [&](auto& one) {
           return one.role == member_role::voter && one.id != state.self;
         });
}

/// Out of the way, but not lost: an operator may want to look at it.
bool put_aside(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed) && !failed)
    return true;
  for (int n = 1; n < 1000; ++n) {
    auto aside = path;
    aside += ".damaged-" + std::to_string(n);
    if (fs::exists(aside, failed))
      continue;
    fs::rename(path, aside, failed);
    if (!failed)
      spdlog::warn("put aside path={}", aside.string());
    return !failed;
  }
  return false;
}

std::string first_configuration(const options& settings) {
  std::vector<raft_member> members;
  for (auto& one : settings.cluster.peers)
    members.push_back({one.id, member_role::voter, to_string(one)});
  return encode_members(members);
}

/// A member that knows nothing: where all logs begin. One that joins does not
/// even know who belongs to the cluster, whatever its `--peers` say.
member_state new_member(const options& settings, raft_id self) {
  member_state out;
  out.self = self;
  out.recovering = settings.cluster.join;
  out.vote.term = 1;
  if (!settings.cluster.join)
    out.base = {1, 1, 1, first_configuration(settings), {}};
  return out;
}

std::uint64_t wall_ms() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::uint64_t(
    std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

raft_options driver_options(const member_state& state) {
  raft_options out;
  out.self = state.self;
  out.seed = std::random_device{}();
  out.session = state.starts;
  return out;
}

} // namespace

std::string cluster_id_of(const std::string& secret) {
  unsigned char hash[16];
  auto text = "callboard cluster " + secret;
  crypto_generichash(hash, sizeof hash,
                     reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  char hex[2 * sizeof hash + 1];
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  return hex;
}

std::optional<std::string> read_secret(const std::string& file,
                                       server::failure& why) {
  if (file.empty())
    return std::string{};
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto blank = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(),
             text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  if (text.empty()) {
    why = {2, "callboard: " + file
                + " cannot be read, or is empty; --cluster-secret-file needs a "
                  "file with a secret, the same on all nodes"};
    return std::nullopt;
  }
  return text;
}

cluster_member::cluster_member(const options& settings,
                               const data_folder& folder, store& db)
    : settings_(settings), folder_(folder), db_(db),
      self_(folder.identity().member) {}

std::unique_ptr<cluster_member> cluster_member::open(const options& settings,
                                                     const data_folder& folder,
                                                     store& db,
                                                     server::failure& why) {
  std::unique_ptr<cluster_member> out{new cluster_member{settings, folder, db}};
  auto secret = read_secret(settings.cluster.secret_file, why);
  if (!secret)
    return nullptr;
  out->secret_ = *secret;
  auto state = load_member(folder.member());
  if (!state) {
    why = explain(state.error(), settings.data, folder.member().string());
    return nullptr;
  }
  bool fresh = !*state;
  if (fresh)
    *state = new_member(settings, out->self_);
  std::string diagnosis;
  auto log = open_log(folder.wal(), **state, diagnosis);
  if (!log && log.error() == errc::corrupt && !is_only_voter(**state)) {
    spdlog::error("the log is damaged: {}; this node gets it from the others",
                  diagnosis);
    // First on record: without the damage a later start would not know.
    (*state)->recovering = true;
    if (!save_member(folder.member(), **state) || !put_aside(folder.wal())) {
      why = explain(errc::storage_failed, settings.data, {});
      return nullptr;
    }
    log = open_log(folder.wal(), **state, diagnosis);
  }
  if (!log) {
    why = explain(log.error(), settings.data, diagnosis);
    return nullptr;
  }
  out->stored_ = std::move(*log);
  auto& own = out->stored_.state;
  out->stored_.fresh = fresh;
  // Also after its disk was lost: others ignore what an earlier start sent.
  own.starts = std::max(own.starts + 1, wall_ms());
  own.vote = state_for_start(own.self, log_of(out->stored_));
  if (auto saved = save_member(folder.member(), own); !saved) {
    why = explain(saved.error(), settings.data, {});
    return nullptr;
  }
  return out;
}

result<void> cluster_member::install(const data_folder& folder) {
  auto folders = snapshot_folders_in(folder.member().parent_path());
  return install_snapshot(folders, folder.store(), folder.wal(),
                          folder.member());
}

result<void> cluster_member::give_up_store(const data_folder& folder) {
  auto state = load_member(folder.member());
  if (!state)
    return state.error();
  if (!*state || is_only_voter(**state))
    return errc::not_found;
  spdlog::error("the store is damaged; this node gets it from the others");
  // First on record: without the damage a later start would not know.
  auto& own = **state;
  own.recovering = true;
  own.base = {1, 1, 1, own.base.configuration, {}};
  if (auto saved = save_member(folder.member(), own); !saved)
    return saved;
  bool aside = put_aside(folder.store()) && put_aside(folder.wal());
  return aside ? result<void>{} : errc::storage_failed;
}

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
    why = {4, "callboard: cannot listen on " + cluster.listen + ": "
                + error.code().message()
                + "; choose another address with --cluster"};
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
  std::lock_guard lock{mutex_};
  out.addresses = addresses_;
  out.removed = removed_;
  return out;
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
  else if (roles_.received)
    roles_.received(from, kind, std::move(body));
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
    if (!farewell_until_)
      wake_.wait(lock, [&] { return news() || farewell_until_; });
    else if (!wake_.wait_until(lock, *farewell_until_, news)) {
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
    lock.unlock();
    if (left)
      roles_.leave();
    if (left || passed)
      journal_->actors_ended();
    if (led)
      roles_.lead();
    else if (!next.leads)
      roles_.follow(next.leader == 0 ? std::optional<node_id>{}
                                     : std::optional<node_id>{next.leader});
    lock.lock();
    wake_.notify_all();
  }
}

void cluster_member::retire() {
  if (!journal_ || !links_ || journal_->status().peers.size() < 2)
    return;
  constexpr auto hold_max = std::chrono::milliseconds{500};
  constexpr auto wait_max = std::chrono::seconds{2};
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
