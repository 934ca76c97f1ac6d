// Spawning, gathering, ending.
#include "actors/broker_actor.hpp"

#include "actors/login_actor.hpp"
#include "actors/membership_actor.hpp"
#include "actors/partition_actor.hpp"
#include "actors/reader_actor.hpp"
#include "actors/scavenger_actor.hpp"
#include "actors/timer_actor.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <tuple>
#include <utility>

namespace callboard {

namespace {

constexpr auto tick_interval = std::chrono::seconds{1};

// Less is the drift of a clock that is being disciplined.
constexpr std::int64_t wall_step_min_ms = 1000;

std::int64_t wall_ahead_ms(const node_services& node) {
  return std::int64_t(node.wall().value) - std::int64_t(node.now().value);
}

broker_actor::behavior_type
broker_behavior(broker_actor::stateful_pointer<broker_state> self,
                node_ptr node, std::vector<partition_actor> partitions,
                std::vector<reader_actor> readers) {
  auto& state = self->state;
  state.self = self;
  state.node = std::move(node);
  state.partitions = std::move(partitions);
  state.readers = std::move(readers);
  state.ahead_ms = wall_ahead_ms(*state.node);
  return {
    [&](groups_atom) { return state.groups(true); },
    [&](describe_atom) { return state.groups(false); },
    [&](restart_atom) { return state.restart(); },
    [&](read_atom, all_request& what) { return state.read_all(what); },
    [&](read_atom, const streams_request& what) {
      return state.list_streams(what);
    },
    [&](delayed_atom, delayed_query& what) { return state.list_delayed(what); },
    [&](delayed_atom, const delayed_ref& what) {
      return state.find_delayed(what);
    },
    [&](wake_atom) { state.wake(); },
    [&](tick_atom) { state.tick(); },
  };
}

template <class Handle>
void end(caf::scoped_actor& self, Handle& actor) {
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  self->wait_for(actor);
  actor = Handle{};
}

} // namespace

caf::result<group_infos> broker_state::groups(bool measures) {
  struct gathering {
    group_infos found;
    std::size_t left = 0;
    bool failed = false;
  };

  auto all = std::make_shared<gathering>();
  all->left = partitions.size();
  auto promise = self->make_response_promise<group_infos>();
  auto found = [all, promise](group_infos& some) mutable {
    std::move(some.begin(), some.end(), std::back_inserter(all->found));
    if (--all->left > 0 || all->failed)
      return;
    std::sort(all->found.begin(), all->found.end(), [](auto& x, auto& y) {
      return std::tie(x.key.stream, x.created_order)
             < std::tie(y.key.stream, y.created_order);
    });
    promise.deliver(std::move(all->found));
  };
  auto failed = [all, promise](caf::error& why) mutable {
    --all->left;
    if (!std::exchange(all->failed, true))
      promise.deliver(std::move(why));
  };
  for (auto& partition : partitions)
    if (measures)
      self->request(partition, caf::infinite, groups_atom_v, std::string{})
        .then(found, failed);
    else
      self->request(partition, caf::infinite, describe_atom_v)
        .then(found, failed);
  return promise;
}

caf::result<bool> broker_state::restart() {
  auto left = std::make_shared<std::size_t>(partitions.size());
  auto promise = self->make_response_promise<bool>();
  for (auto& partition : partitions)
    self->request(partition, caf::infinite, restart_atom_v)
      .then(
        [left, promise](bool) mutable {
          if (--*left == 0)
            promise.deliver(true);
        },
        [promise](caf::error& why) mutable {
          promise.deliver(std::move(why));
        });
  return promise;
}

void broker_state::tick() {
  self->delayed_send(self, tick_interval, tick_atom_v);
  auto ahead = wall_ahead_ms(*node);
  if (auto step = ahead - ahead_ms; std::abs(step) > wall_step_min_ms) {
    ++node->counts.wall_steps;
    spdlog::warn("the wall clock was set step_ms={}; no deadline moves", step);
    ahead_ms = ahead;
  }
  auto why = node->log->publishing_refusal();
  if (why == errc::none)
    why = node->db->refusal();
  if (std::exchange(refusal, why) == why)
    return;
  if (why == errc::none)
    spdlog::info("publishing goes on");
  else
    spdlog::error("publishing has stopped error={}", to_string(why));
}

running_broker start_broker(caf::actor_system& sys, const node_ptr& node,
                            const broker_options& options) {
  running_broker out;
  auto routes = std::make_shared<routing_table>();
  auto spawn_blocking = [&](auto behavior) {
    return options.detach_blocking ? sys.spawn<caf::detached>(behavior, node)
                                   : sys.spawn(behavior, node);
  };
  for (std::size_t i = 0; i < options.readers; ++i)
    out.readers.push_back(spawn_blocking(reader_behavior));
  out.login = spawn_blocking(login_behavior);
  out.scavenger = spawn_blocking(scavenger_behavior);
  // Timer and partitions know each other; the table ends before they do.
  std::weak_ptr<routing_table> table = routes;
  auto partition = [table](partition_id p) {
    auto now = table.lock();
    return now ? now->partitions[p.value] : partition_actor{};
  };
  out.timer = sys.spawn(timer_behavior, node, options.partitions, partition);
  // The same with partitions and who registers consumers.
  partition_table partitions = [table] {
    auto now = table.lock();
    return now ? now->partitions : std::vector<partition_actor>{};
  };
  out.members = sys.spawn(membership_behavior, node, partitions,
                          options.consumer_silence_max);
  for (std::size_t p = 0; p < options.partitions; ++p)
    routes->partitions.push_back(
      sys.spawn(partition_behavior, partition_id{p}, node,
                node_actors{out.readers, out.timer, out.members, partition}));
  out.broker =
    sys.spawn(broker_behavior, node, routes->partitions, out.readers);
  out.routes = std::move(routes);
  caf::anon_send(out.timer, wake_atom_v, std::uint64_t{0});
  caf::anon_send(out.broker, tick_atom_v);
  caf::anon_send(out.members, wake_atom_v);
  return out;
}

void stop_broker(caf::actor_system& sys, running_broker& broker) {
  caf::scoped_actor self{sys};
  end(self, broker.broker);
  end(self, broker.timer);
  end(self, broker.members);
  for (auto partition : broker.routes->partitions)
    end(self, partition);
  broker.routes = {};
  end(self, broker.login);
  end(self, broker.scavenger);
  for (auto& reader : broker.readers)
    end(self, reader);
}

void tell_flushed(const routing_table& routes, partition_id p,
                  log_index index) {
  caf::anon_send(routes.partitions[p.value], flushed_atom_v, index);
}

void tell_failed(const routing_table& routes, partition_id p, errc why) {
  caf::anon_send(routes.partitions[p.value], failed_atom_v,
                 caf::make_error(why));
}

result<void> ensure_users(caf::actor_system& sys, const node_ptr& node,
                          const running_broker& broker,
                          const std::string& password) {
  auto users = node->db->users();
  if (!users)
    return users.error();
  if (!users->empty())
    return {};
  caf::scoped_actor self{sys};
  for (auto& [login, name, group] :
       {std::tuple{"admin", "Event Store Administrator", "$admins"},
        std::tuple{"ops", "Event Store Operations", "$ops"}}) {
    auto hash = hash_password(password);
    if (!hash)
      return hash.error();
    auto outcome = errc::none;
    user_command what{.login = login, .full_name = name};
    what.groups = std::vector<std::string>{group};
    what.password.hash = std::move(*hash);
    self
      ->request(broker.routes->partitions[0], caf::infinite, user_atom_v, what)
      .receive([](const user_reply&) {},
               [&](caf::error& why) { outcome = to_errc(why); });
    if (outcome != errc::none)
      return outcome;
  }
  return {};
}

} // namespace callboard
