// What is started in which order, and ends in which.
#include "server.hpp"

#include "actors/broker_actor.hpp"
#include "actors/core/clock.hpp"
#include "actors/core/limits.hpp"
#include "actors/login_actor.hpp"
#include "data_commands.hpp"
#include "listeners.hpp"
#include "net/asio_coordinator.hpp"
#include "persistence/codec.hpp"
#include "persistence/data_folder.hpp"
#include "persistence/wal_journal.hpp"

#include <caf/actor_system.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
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
  result<void> open_storage(std::string& diagnosis);
  result<void> start_actors();
  bool wakes_journal_later();

  options settings;
  std::shared_ptr<tls_identity> tls; // null: in the clear
  std::optional<data_folder> folder;
  std::optional<broker_clock> clock;
  node_ptr node = std::make_shared<node_services>();
  std::unique_ptr<wal> log;
  wal_journal* journal = nullptr;              // the node owns it
  std::shared_ptr<const routing_table> routes; // of the journal's events
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

result<void> server::impl::open_storage(std::string& diagnosis) {
  auto opened = data_folder::open(settings.data, {});
  if (!opened)
    return opened.error();
  folder.emplace(std::move(*opened));
  auto partitions = folder->identity().partitions;
  auto db = store::open({.folder = folder->store(),
                         .partitions = partitions,
                         .disk_bytes_max = settings.max_disk_bytes,
                         .recent_bytes_max = limits::recent_bytes_max,
                         .flush_bytes = limits::flush_bytes});
  if (!db)
    return db.error();
  auto files = wal::open({folder->wal(), limits::wal_file_bytes},
                         replay_into(**db, partitions), diagnosis);
  if (!files)
    return files.error();
  node->db = std::move(*db);
  node->placement = ring{partitions};
  node->random = random_bits;
  node->wall = wall_clock;
  // Later than all that was recorded: it is the order of all events too.
  clock.emplace(node->db->last_time() + 1, wall_clock(),
                std::chrono::steady_clock::now());
  node->now = [this] { return clock->now(std::chrono::steady_clock::now()); };
  log = std::move(*files);
  return {};
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

result<void> server::impl::start_actors() {
  auto partitions = node->placement.partitions();
  std::vector<log_index> last;
  for (std::size_t p = 0; p < partitions; ++p)
    last.push_back(node->db->applied({p}));
  // Nothing is appended before `routes` is set, so no event comes before.
  auto to_journal = std::make_unique<wal_journal>(
    std::move(log), std::move(last),
    journal_events{
      [this](partition_id p, log_index i) { tell_flushed(*routes, p, i); },
      [this](partition_id p, errc why) { tell_failed(*routes, p, why); },
      [this] { return wakes_journal_later(); }});
  journal = to_journal.get();
  node->log = std::move(to_journal);
  node->db->on_flushed([this](const std::vector<log_index>& indexes) {
    journal->release(indexes);
  });
  cfg = std::make_unique<config>(settings.threads);
  sys = std::make_unique<caf::actor_system>(*cfg);
  broker =
    start_broker(*sys, node,
                 {.partitions = partitions,
                  .consumer_silence_max = settings.barco.consumer_wait_max});
  routes = broker.routes;
  return ensure_users(*sys, node, broker,
                      settings.admin_password.empty()
                        ? std::string{loopback_password}
                        : settings.admin_password);
}

/// What one turn of an io thread decides reaches the disk with one flush.
bool server::impl::wakes_journal_later() {
  auto* worker = io_worker::current();
  if (worker == nullptr)
    return false;
  worker->at_turn_end([this] { journal->wake(); });
  return true;
}

std::unique_ptr<server> server::start(const options& settings, failure& why) {
  std::unique_ptr<server> out{new server{std::make_unique<impl>(settings)}};
  auto& self = *out->impl_;
  if (self.settings.threads == 0)
    self.settings.threads = std::max(1U, std::thread::hardware_concurrency());
  if (!self.load_identity(why))
    return nullptr;
  std::string diagnosis;
  if (auto opened = self.open_storage(diagnosis); !opened) {
    why = explain(opened.error(), settings.data, diagnosis);
    return nullptr;
  }
  if (auto refused = refuse_to_serve(settings, self.known_users())) {
    why = {2, *refused};
    return nullptr;
  }
  if (auto started = self.start_actors(); !started) {
    why = explain(started.error(), settings.data, {});
    return nullptr;
  }
  try {
    self.listening = std::make_unique<listeners>(listened_node{
      self.settings, *self.sys, self.node, self.broker, self.tls});
  } catch (const listen_failure& error) {
    why = {4, error.what()};
    return nullptr;
  }
  return out;
}

server::server(std::unique_ptr<impl> self) : impl_(std::move(self)) {}

server::~server() {
  auto& self = *impl_;
  // 1. No new requests; those in progress are answered.
  if (self.listening)
    self.listening->stop();
  // 2. The actors end, those that others need last.
  if (self.sys && self.broker.routes)
    stop_broker(*self.sys, self.broker);
  self.listening.reset();
  // 3. What waits is flushed. 4. No handle outlives the system; its threads
  // end, and then nothing wakes the journal any more.
  if (self.node->db)
    self.node->db->on_flushed({});
  if (self.journal)
    self.journal->stop();
  self.routes.reset();
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
