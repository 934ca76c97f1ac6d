// What is started in which order, and ends in which.
#include "server.hpp"

#include "actors/broker_actor.hpp"
#include "actors/core/clock.hpp"
#include "actors/core/limits.hpp"
#include "actors/login_actor.hpp"
#include "cluster_member.hpp"
#include "data_commands.hpp"
#include "listeners.hpp"
#include "net/asio_coordinator.hpp"
#include "persistence/codec.hpp"
#include "persistence/data_folder.hpp"
#include "persistence/wal_journal.hpp"

#include <caf/actor_system.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace callboard {

namespace {

struct config : caf::actor_system_config {
  explicit config(std::size_t threads) {
    add_message_types<caf::id_block::callboard_messages>();
    set("logger.verbosity", caf::atom("quiet"));
    asio_coordinator::install(*this, threads);
  }
};

wall_time wall_clock() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::uint64_t(
    std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
}

std::uint64_t random_bits() {
  thread_local std::mt19937_64 generator{
    (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  return generator();
}

/// Applies what the log has and LMDB has not.
wal::visitor replay_into(store& db, std::size_t partitions) {
  return
    [&db, partitions](const wal_format::entry_view& entry) -> result<void> {
      if (entry.partition.value >= partitions)
        return errc::corrupt;
      auto applied = db.applied(entry.partition);
      if (entry.index <= applied)
        return {};
      if (entry.index.value != applied.value + 1)
        return errc::corrupt; // entries in between are gone
      auto what = decode(entry.body);
      if (!what)
        return what.error();
      db.apply(entry.partition, entry.index, *what, entry.body.size());
      // A long log must not fill the memory: LMDB takes it in pieces.
      return db.unflushed_bytes() < limits::unflushed_bytes_max / 2
               ? result<void>{}
               : db.flush();
    };
}

} // namespace

struct server::impl {
  explicit impl(options o) : settings(std::move(o)) {}

  bool load_identity(failure& why);
  stored_users known_users() const;
  bool open_folder(failure& why);
  bool open_storage(failure& why);
  result<void> open_store();
  bool open_log(failure& why);
  void make_journal();
  result<void> start_actors();
  bool lead_alone(failure& why);
  bool join_cluster(failure& why);
  cluster_view view_of_cluster();
  void lead();
  void leave();
  bool wakes_journal_later();
  journal_events events();
  bool ready() const;

  options settings;
  std::shared_ptr<tls_identity> tls; // null: in the clear
  std::optional<data_folder> folder;
  std::optional<broker_clock> clock;
  std::atomic<std::uint64_t> clock_ahead_ms{0}; // of what `clock` says
  node_ptr node = std::make_shared<node_services>();
  std::unique_ptr<wal> log;
  wal_journal* alone = nullptr; // the node's journal, one of the two
  std::unique_ptr<cluster_member> member;
  std::atomic<std::shared_ptr<const routing_table>> routes; // of its events
  std::unique_ptr<config> cfg;
  std::unique_ptr<caf::actor_system> sys;
  running_broker broker;
  std::unique_ptr<listeners> listening;
};

bool server::impl::load_identity(failure& why) {
  if (settings.tls_certificate.empty())
    return true;
  std::string wrong;
  tls = tls_identity::load(settings.tls_certificate, settings.tls_key, wrong);
  if (!tls)
    why = {2, "callboard: " + wrong
                + "; --tls-cert and --tls-key need readable PEM files"};
  return tls != nullptr;
}

/// The directory, if it is that of this node.
bool server::impl::open_folder(failure& why) {
  auto& cluster = settings.cluster;
  node_identity mine;
  if (cluster.on()) {
    auto secret = read_secret(cluster.secret_file, why);
    if (!secret)
      return false;
    mine = {.partitions = cluster.peers.size() > 1 ? cluster_partitions : 4,
            .cluster_id = cluster_id_of(*secret),
            .member = cluster.self(host_name())->id};
  }
  auto opened = data_folder::open(settings.data, mine);
  if (!opened) {
    why = explain(opened.error(), settings.data, {});
    return false;
  }
  folder.emplace(std::move(*opened));
  auto& found = folder->identity();
  auto refuse = [&](const std::string& text) {
    why = {3, "callboard: " + settings.data + " " + text};
    return false;
  };
  if (found.member != 0 && !cluster.on())
    return refuse("is that of node " + std::to_string(found.member)
                  + " of a cluster: name its nodes with --peers");
  if (found.member == 0 && cluster.on())
    return refuse("is that of a node that stands alone: choose another "
                  "directory with --data");
  if (found.member != mine.member)
    return refuse("is that of node " + std::to_string(found.member)
                  + ", not of node " + std::to_string(mine.member)
                  + ": choose another directory with --data, or say --node-id "
                  + std::to_string(found.member));
  if (cluster.on() && found.cluster_id != mine.cluster_id)
    return refuse("is that of another cluster, one with another secret: choose "
                  "another directory with --data, or the right file with "
                  "--cluster-secret-file");
  return true;
}

result<void> server::impl::open_store() {
  auto db = store::open({.folder = folder->store(),
                         .partitions = folder->identity().partitions,
                         .disk_bytes_max = settings.max_disk_bytes,
                         .recent_bytes_max = limits::recent_bytes_max,
                         .flush_bytes = limits::flush_bytes});
  if (!db)
    return db.error();
  node->db = std::move(*db);
  return {};
}

bool server::impl::open_log(failure& why) {
  if (settings.cluster.on()) {
    member = cluster_member::open(settings, *folder, *node->db, why);
    return member != nullptr;
  }
  std::string diagnosis;
  auto files =
    wal::open({folder->wal(), limits::wal_file_bytes},
              replay_into(*node->db, node->db->partitions()), diagnosis);
  if (files)
    log = std::move(*files);
  else
    why = explain(files.error(), settings.data, diagnosis);
  return files.has_value();
}

bool server::impl::open_storage(failure& why) {
  if (!open_folder(why))
    return false;
  auto opened =
    settings.cluster.on() ? cluster_member::install(*folder) : result<void>{};
  if (opened)
    opened = open_store();
  if (!opened && opened.error() == errc::corrupt && settings.cluster.on()
      && cluster_member::give_up_store(*folder))
    opened = open_store();
  if (!opened) {
    why = explain(opened.error(), settings.data, {});
    return false;
  }
  if (!open_log(why))
    return false;
  node->placement = ring{node->db->partitions()};
  node->random = random_bits;
  node->wall = wall_clock;
  // Later than all that was recorded: it is the order of all events too.
  clock.emplace(node->db->last_time() + 1, wall_clock(),
                std::chrono::steady_clock::now());
  node->now = [this] {
    return clock->now(std::chrono::steady_clock::now())
           + clock_ahead_ms.load(std::memory_order_relaxed);
  };
  return true;
}

stored_users server::impl::known_users() const {
  auto users = node->db->users();
  if (!users || users->empty())
    return stored_users::none;
  if (settings.on_loopback() || settings.insecure)
    return stored_users::own; // it does not matter: spare the hashing
  auto open = std::any_of(users->begin(), users->end(), [](auto& user) {
    return (user.first == "admin" || user.first == "ops")
           && !user.second.disabled
           && is_hash_of(user.second.password_hash,
                         std::string{loopback_password});
  });
  return open ? stored_users::of_loopback : stored_users::own;
}

/// None is called before there are routes.
journal_events server::impl::events() {
  return {.flushed =
            [this](partition_id p, log_index index) {
              if (auto to = routes.load())
                tell_flushed(*to, p, index);
            },
          .failed =
            [this](partition_id p, errc why) {
              if (auto to = routes.load())
                tell_failed(*to, p, why);
            },
          .wakes_later = [this] { return wakes_journal_later(); }};
}

void server::impl::make_journal() {
  if (member) {
    node->log = member->make_journal(events());
    node->db->on_flushed([this](const std::vector<log_index>& indexes) {
      member->log().release(indexes);
    });
    return;
  }
  std::vector<log_index> last;
  for (std::size_t p = 0; p < node->db->partitions(); ++p)
    last.push_back(node->db->applied({p}));
  auto made =
    std::make_unique<wal_journal>(std::move(log), std::move(last), events());
  alone = made.get();
  node->log = std::move(made);
  node->db->on_flushed(
    [this](const std::vector<log_index>& indexes) { alone->release(indexes); });
}

result<void> server::impl::start_actors() {
  // Later than all that was recorded, by whomever.
  auto last = node->db->last_time() + 1;
  if (auto now = node->now(); now < last)
    clock_ahead_ms += last.value - now.value;
  broker =
    start_broker(*sys, node,
                 {.partitions = node->db->partitions(),
                  .consumer_silence_max = settings.barco.consumer_wait_max});
  routes = broker.routes;
  return ensure_users(*sys, node, broker,
                      settings.admin_password.empty()
                        ? std::string{loopback_password}
                        : settings.admin_password);
}

void server::impl::lead() {
  if (auto started = start_actors(); !started) {
    spdlog::error("cannot begin to lead error={}", to_string(started.error()));
    return member->log().transfer(0);
  }
  listening->lead(broker);
}

void server::impl::leave() {
  listening->leave();
  stop_broker(*sys, broker);
  routes.store({});
  listening->end_askers();
}

bool server::impl::ready() const {
  if (!member)
    return node->log->refusal() == errc::none;
  auto now = member->log().status();
  return has_leader(now) && !now.recovering && !member->removed();
}

bool server::impl::lead_alone(failure& why) {
  if (auto started = start_actors(); !started) {
    why = explain(started.error(), settings.data, {});
    return false;
  }
  listening->lead(broker);
  listening->start();
  return true;
}

bool server::impl::join_cluster(failure& why) {
  auto* front = listening->cluster();
  auto own = own_addresses(settings, listening->port(), listening->barco());
  bool joined = member->start(
    {.lead = [this] { lead(); },
     .leave = [this] { leave(); },
     .hold = [this] { return listening->hold(); },
     .follow = [front](auto leader) { front->follow(leader); },
     .received =
       [front](node_id from, std::uint8_t kind, std::string bytes) {
         front->received(from, kind, std::move(bytes));
       },
     .peer_down = [front](node_id peer) { front->peer_down(peer); },
     .take_part = [front](bool does) { front->take_part(does); },
     .restart = [] { ::kill(::getpid(), restart_signal); }},
    own, why);
  if (joined)
    listening->start();
  return joined;
}

cluster_view server::impl::view_of_cluster() {
  if (!member)
    return {};
  return {
    .self = folder->identity().member,
    .send =
      [this](node_id to, std::uint8_t kind, std::string bytes) {
        return member->send(to, kind, std::move(bytes));
      },
    .url_of =
      [this](node_id which) {
        auto at = member->addresses_of(which);
        return at ? at->http : std::string{};
      },
    .barco_hosts = [this] { return member->barco_hosts(); },
    .status = [this] { return member->status(); },
    .metrics = [this] { return member->metrics(); },
    .durability = [this] { return member->durability(); },
    .members = [this] { return member->gossip(); },
    .change = [this](auto& what,
                     auto then) { member->change(what, std::move(then)); }};
}

/// What one turn of an io thread decides reaches the disk with one flush.
bool server::impl::wakes_journal_later() {
  auto* worker = io_worker::current();
  if (worker == nullptr)
    return false;
  worker->at_turn_end([this] {
    if (member)
      member->log().wake();
    else
      alone->wake();
  });
  return true;
}

std::unique_ptr<server> server::start(const options& settings, failure& why) {
  std::unique_ptr<server> out{new server{std::make_unique<impl>(settings)}};
  auto& self = *out->impl_;
  if (self.settings.threads == 0)
    self.settings.threads = std::max(1U, std::thread::hardware_concurrency());
  if (!self.load_identity(why))
    return nullptr;
  if (!self.open_storage(why))
    return nullptr;
  if (auto refused = refuse_to_serve(settings, self.known_users())) {
    why = {2, *refused};
    return nullptr;
  }
  self.cfg = std::make_unique<config>(self.settings.threads);
  self.sys = std::make_unique<caf::actor_system>(*self.cfg);
  self.make_journal();
  try {
    self.listening = std::make_unique<listeners>(
      listened_node{self.settings, *self.sys, self.node, self.tls,
                    [&self] { return self.ready(); }, self.view_of_cluster()});
  } catch (const listen_failure& error) {
    why = {4, error.what()};
    return nullptr;
  }
  bool serves = self.member ? self.join_cluster(why) : self.lead_alone(why);
  return serves ? std::move(out) : nullptr;
}

server::server(std::unique_ptr<impl> self) : impl_(std::move(self)) {}

server::~server() {
  auto& self = *impl_;
  // 0. Another node leads.
  if (self.member)
    self.member->retire();
  // 1. No new requests; those in progress are answered.
  if (self.listening)
    self.listening->stop();
  // 2. The actors end, those that others need last.
  if (self.member)
    self.member->stop_roles();
  if (self.sys && self.broker.routes)
    stop_broker(*self.sys, self.broker);
  // 3. What waits is flushed; other nodes are not heard any more.
  if (self.node->db)
    self.node->db->on_flushed({});
  if (self.alone)
    self.alone->stop();
  if (self.member)
    self.member->stop();
  // 4. No handle outlives the system; its threads end, and then nothing wakes
  // the journal any more.
  self.listening.reset();
  self.routes.store({});
  self.sys.reset();
  self.node->log.reset();
  // 5. LMDB has it all, so the next start replays nothing; the files close.
  if (self.node->db) [[maybe_unused]]
    auto done = self.node->db->flush();
  self.node->db.reset();
}

void server::reload() {
  if (!impl_->tls)
    spdlog::info("nothing to reload: no TLS");
  else if (auto wrong = impl_->tls->reload())
    spdlog::error("kept the old certificate: {}", *wrong);
  else
    spdlog::info("reloaded certificate={}", impl_->settings.tls_certificate);
}

std::uint16_t server::port() const {
  return impl_->listening->port();
}

const std::optional<barco_ports>& server::barco() const {
  return impl_->listening->barco();
}

} // namespace callboard
