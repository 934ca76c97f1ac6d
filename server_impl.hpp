// What a server is made of; for its own source files only.
#pragma once

#include "actors/broker_actor.hpp"
#include "actors/core/clock.hpp"
#include "cluster_member.hpp"
#include "listeners.hpp"
#include "persistence/data_folder.hpp"
#include "persistence/wal_journal.hpp"
#include "server.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

namespace callboard {

struct server::impl {
  explicit impl(options o) : settings(std::move(o)) {}

  bool load_identity(failure& why);
  stored_users known_users() const;
  bool open_folder(failure& why);
  bool open_storage(failure& why);
  result<void> open_store(std::string& diagnosis);
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
  node_ptr node = std::make_shared<node_services>();
  std::unique_ptr<wal> log;
  wal_journal* alone = nullptr; // the node's journal, one of the two
  std::unique_ptr<cluster_member> member;
  std::atomic<std::shared_ptr<const routing_table>> routes; // of its events
  std::unique_ptr<caf::actor_system_config> cfg;
  std::unique_ptr<caf::actor_system> sys;
  running_broker broker;
  std::unique_ptr<listeners> listening;
};

} // namespace callboard
