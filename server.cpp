// What is started in which order, and ends in which.
#include "server.hpp"

#include "actors/broker_actor.hpp"
#include "actors/core/clock.hpp"
#include "actors/core/limits.hpp"
#include "actors/login_actor.hpp"
#include "net/admin_api.hpp"
#include "net/asio_coordinator.hpp"
#include "net/eventstore_api.hpp"
#include "net/http_server.hpp"
#include "persistence/check.hpp"
#include "persistence/codec.hpp"
#include "persistence/data_folder.hpp"
#include "persistence/wal_journal.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <iostream>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

namespace callboard {

using boost::asio::ip::tcp;

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

server::failure explain(errc why, const std::string& data,
                        const std::string& diagnosis) {
  switch (why) {
    case errc::locked:
      return {3, "callboard: " + data
                   + " is in use by another broker: stop that one, or choose "
                     "another directory with --data"};
    case errc::unknown_format:
      return {3, "callboard: " + data
                   + " was written by a newer version, or is not ours: choose "
                     "another directory with --data, or update"};
    case errc::corrupt:
      return {1, "callboard: " + data + " is damaged: "
                   + (diagnosis.empty() ? "a row cannot be read" : diagnosis)
                   + "; `callboard check --data " + data + "` tells more"};
    case errc::storage_full:
      return {1, "callboard: no space left for " + data
                   + ": the log needs 64 MiB files"};
    default:
      return {1, "callboard: cannot read or write " + data + " ("
                   + std::string{to_string(why)} + ")"};
  }
}

} // namespace

struct server::impl {
  explicit impl(options o) : settings(std::move(o)) {}

  bool load_identity(failure& why);
  stored_users known_users() const;
  result<void> open_storage(std::string& diagnosis);
  result<void> start_actors();
  void start_listeners();
  void stop_listeners();
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
  std::vector<caf::actor> askers;
  std::vector<std::shared_ptr<http_server>> listeners;
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
  broker = start_broker(*sys, node, {.partitions = partitions});
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

void server::impl::start_listeners() {
  auto& io = asio_coordinator::of(*sys);
  std::vector<boost::asio::io_context*> contexts;
  for (std::size_t i = 0; i < io.size(); ++i)
    contexts.push_back(&io.context(i));
  auto acceptors =
    listen(contexts, {boost::asio::ip::make_address(settings.http_address),
                      settings.http_port});
  auto epochs = std::make_shared<access_shared>();
  access_options access{.anonymous_streams =
                          settings.anonymous.value_or(settings.on_loopback()),
                        .trusted_header = settings.trusted_auth,
                        .everybody_is_admin = settings.insecure};
  std::vector<std::shared_ptr<http_counters>> threads;
  for (std::size_t i = 0; i < io.size(); ++i)
    threads.push_back(std::make_shared<http_counters>());
  http_counts counts{threads.begin(), threads.end()};
  auto budgets = std::make_shared<http_budgets>();
  std::ostringstream own_address;
  own_address << acceptors.front().local_endpoint();
  for (std::size_t i = 0; i < io.size(); ++i) {
    auto asker = sys->spawn(asker_behavior);
    askers.push_back(asker);
    auto services = std::make_shared<eventstore_services>();
    services->system = sys.get();
    services->asker = asker;
    services->partitions = broker.routes;
    services->broker = broker.broker;
    services->placement = node->placement;
    services->urls = {.advertised = settings.advertised,
                      .tls = tls != nullptr,
                      .own_address = own_address.str()};
    services->access = std::make_shared<access_control>(
      access_sources{asker, broker.login, broker.routes, node->placement},
      access, epochs);
    auto table = std::make_shared<router>(services->access->make_door());
    add_eventstore_routes(*table, services);
    auto admin = std::make_shared<admin_services>();
    admin->broker = services;
    admin->node = node;
    admin->http = counts;
    admin->ready = [n = node] { return n->log->refusal() == errc::none; };
    admin->names_for_anonymous = settings.on_loopback();
    admin->scavenger = broker.scavenger;
    admin->shut_down = [] { ::kill(::getpid(), SIGTERM); };
    tell_settings(*admin, settings, acceptors[i].local_endpoint().port());
    add_admin_routes(*table, std::move(admin));
    listeners.push_back(std::make_shared<http_server>(
      std::move(acceptors[i]), serve_by(std::move(table)),
      http_options{.sizes = {.body_bytes_max = settings.body_bytes_max},
                   .tls = tls,
                   .budgets = budgets,
                   .header_block =
                     cors_headers("GET, POST, PUT, DELETE, OPTIONS"),
                   .counts = threads[i]}));
    boost::asio::post(io.context(i), [s = listeners.back()] { s->start(); });
  }
}

void server::impl::stop_listeners() {
  std::vector<std::future<void>> stopping;
  for (auto& listener : listeners) {
    auto stopped = std::make_shared<std::promise<void>>();
    stopping.push_back(stopped->get_future());
    listener->stop([stopped] { stopped->set_value(); });
  }
  for (auto& one : stopping)
    one.wait();
  listeners.clear();
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
    self.start_listeners();
  } catch (const boost::system::system_error& error) {
    why = {4, "callboard: cannot listen on " + settings.http + ": "
                + error.code().message()
                + "; choose another address with --http"};
    return nullptr;
  }
  return out;
}

server::server(std::unique_ptr<impl> self) : impl_(std::move(self)) {}

server::~server() {
  auto& self = *impl_;
  // 1. No new requests; those in progress are answered.
  self.stop_listeners();
  // 2. The actors end, those that others need last.
  if (self.sys) {
    if (self.broker.routes)
      stop_broker(*self.sys, self.broker);
    caf::scoped_actor waiting{*self.sys};
    for (auto& asker : self.askers) {
      waiting->send_exit(asker, caf::exit_reason::user_shutdown);
      waiting->wait_for(asker);
    }
  }
  self.askers.clear();
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
  return impl_->listeners.front()->endpoint().port();
}

int check_data(const std::string& data) {
  if (auto known = data_folder::inspect(data); !known) {
    std::cerr << "callboard: " << data
              << (known.error() == errc::not_found
                    ? " is not a data directory: say which one with --data"
                    : explain(known.error(), data, {}).text)
              << '\n';
    return 3;
  }
  auto folder = data_folder::open(data, {});
  if (!folder) {
    std::cerr << explain(folder.error(), data, {}).text << '\n';
    return 3;
  }
  auto found =
    check(folder->store(), folder->wal(), folder->identity().partitions);
  for (auto& line : found.facts)
    std::cout << line << '\n';
  for (auto& line : found.problems)
    std::cout << "problem: " << line << '\n';
  std::cout << (found.problems.empty() ? "no problem found"
                                       : "there are problems")
            << '\n';
  return found.problems.empty() ? 0 : 1;
}

} // namespace callboard
