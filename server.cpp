// What is started in which order, and ends in which.
#include "actors/core/limits.hpp"
#include "data_commands.hpp"
#include "net/asio_coordinator.hpp"
#include "server_impl.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace callboard {

namespace {

struct config : caf::actor_system_config {
  config(std::size_t threads, std::chrono::microseconds idle_poll) {
    add_message_types<caf::id_block::callboard_messages>();
    set("logger.verbosity", caf::atom("quiet"));
    asio_coordinator::install(*this, threads, idle_poll);
  }
};

} // namespace

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
  clock->lead(node->db->last_time() + 1, std::chrono::steady_clock::now());
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
  auto started = start_actors();
  member->log().actors_started(started.has_value());
  if (!started)
    return spdlog::error("cannot begin to lead error={}",
                         to_string(started.error()));
  listening->lead(broker);
}

void server::impl::leave() {
  listening->leave();
  stop_broker(*sys, broker);
  routes.store({});
  listening->end_askers();
}

bool server::impl::ready() const {
  return member ? member->ready() : node->log->refusal() == errc::none;
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
     .clock =
       [this] {
         return clock->known() ? std::optional{node->now()} : std::nullopt;
       },
     .learn_clock =
       [this](wall_time now, bool of_leader) {
         clock->learn(now, of_leader, std::chrono::steady_clock::now());
       },
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
    self.settings.threads =
      std::max(1U, std::thread::hardware_concurrency() / 2);
  if (!self.load_identity(why))
    return nullptr;
  if (!self.open_storage(why))
    return nullptr;
  if (auto refused = refuse_to_serve(settings, self.known_users())) {
    why = {2, *refused};
    return nullptr;
  }
  self.cfg =
    std::make_unique<config>(self.settings.threads, self.settings.idle_poll);
  self.sys = std::make_unique<caf::actor_system>(*self.cfg);
  self.make_journal();
  try {
    self.listening = std::make_unique<listeners>(
      listened_node{self.settings, *self.sys, self.node, self.tls,
                    [&self] { return self.ready(); }, self.view_of_cluster()});
  } catch (const listen_failure& error) {
    why = error.why;
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
