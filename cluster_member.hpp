// A node's part in a cluster: its log, its links, and who leads.
#pragma once

#include "actors/replication/replicated_journal.hpp"
#include "actors/replication/snapshot_exchange.hpp"
#include "cluster_status.hpp"
#include "net/admin_cluster.hpp"
#include "net/cluster_link.hpp"
#include "net/options.hpp"
#include "persistence/data_folder.hpp"
#include "server.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace callboard {

/// Kinds of frames between nodes, besides those of what is forwarded.
inline constexpr std::uint8_t raft_kind = 1;
inline constexpr std::uint8_t members_kind = 11;
inline constexpr std::uint8_t drain_kind = 12; // whether to lead no more
inline constexpr std::uint8_t clock_kind = 13; // what the broker's says
inline constexpr const char* drain_on = "1";
inline constexpr const char* drain_off = "0";

/// Of three nodes with a token each; more nodes only hold more copies.
inline constexpr std::size_t cluster_partitions = 12;

/// What a node that leads does, and stops doing. Called one at a time, on a
/// thread that may block.
struct cluster_roles {
  std::function<void()> lead;
  std::function<void()> leave; // only after `lead`
  /// Ends what is in progress, lets nothing new begin; returns how much is
  /// left. Called again until that is nothing; any thread.
  std::function<std::size_t()> hold;
  std::function<void(std::optional<node_id>)> follow; // nothing: nobody leads
  /// What the broker's clock says, if it is known here; and what another node
  /// says that it does, never while this one leads. Any thread, must not block.
  std::function<std::optional<wall_time>()> clock;
  std::function<void(wall_time, bool of_leader)> learn_clock;
  /// What another node sent that is not about the log; on the links' thread.
  std::function<void(node_id, std::uint8_t, std::string)> received;
  std::function<void(node_id)> peer_down;
  /// It was removed from the cluster, or is let in again. Any thread.
  std::function<void(bool)> take_part;
  /// The store was fetched from the leader: the process must begin anew.
  std::function<void()> restart;
};

/// The journal, the links to the other nodes, and the thread that changes
/// roles.
class cluster_member {
public:
  /// Opens the log that belongs to `db`. What is damaged, or gone, is put
  /// aside, and comes from the other nodes again; null, and `why`, if that
  /// cannot be, or if this is the only voter.
  static std::unique_ptr<cluster_member> open(const options& settings,
                                              data_folder& folder, store& db,
                                              server::failure& why);

  /// Puts a store that was fetched in its place. Before the store is opened.
  static result<void> install(data_folder& folder);

  /// The store is damaged, or gone: puts it and the log aside; the other nodes
  /// have it all. Errors: storage_failed, not_found (no log was here, or this
  /// is the only voter: nobody else has it).
  static result<void> give_up_store(data_folder& folder);

  ~cluster_member(); // stops
  cluster_member(const cluster_member&) = delete;
  cluster_member& operator=(const cluster_member&) = delete;

  /// The journal of this node, for its owner; tells `actors` while it leads.
  std::unique_ptr<journal> make_journal(journal_events actors);

  /// Reaches out to the other nodes. False, and `why`: it cannot listen.
  bool start(cluster_roles roles, const node_addresses& own,
             server::failure& why);

  /// Hands leadership over, if it leads; blocks until that is so or can not be.
  void retire();

  /// No role changes any more.
  void stop_roles();

  /// The journal's threads end, then the links.
  void stop();

  replicated_journal& log() { return *journal_; }

  // --- any thread ------------------------------------------------------------

  bool send(node_id to, std::uint8_t kind, std::string bytes);

  /// Where a node's clients find it; nothing: it was not heard of yet.
  std::optional<node_addresses> addresses_of(node_id node) const;

  std::vector<std::string> barco_hosts() const; // see cluster_hello.hpp

  std::string status() const; // the body of `GET /cluster`
  std::string durability() const;
  std::string metrics() const;

  /// Requests are served, or reach the leader; and this node has what the
  /// others had when it started, and its disk answers, so the next one may be
  /// stopped.
  bool ready() const;

  /// What an operator wants; see `member_change`. Draining another node is
  /// passed on to it. `then` is called once.
  void change(const cluster_command& what,
              std::function<void(cluster_reply)> then);

  std::vector<gossip_member> gossip() const;

private:
  cluster_member(const options& settings, const data_folder& folder, store& db);

  cluster_snapshot snapshot() const;
  void change_roles();
  void role_changed(bool leads, raft_id leader);
  void received(node_id from, std::uint8_t kind, std::string body);
  void heard(node_id from, const std::string& hello);
  void tell_clock();
  void tell_clock(node_id to);
  void hear_clock(const std::string& bytes);
  void learn_meanwhile();
  cluster_link_events events();

  // Who belongs to the cluster: cluster_changes.cpp.
  void change_members(const cluster_command& what,
                      std::function<void(cluster_reply)> then);
  cluster_reply drain(node_id node, bool on);
  void members_changed(const group_view& view);
  void tell_members(node_id to);
  void hear_members(node_id from, const std::string& bytes);
  std::optional<peer_address> address_of(const raft_member& member) const;
  std::vector<peer_address> known_peers() const;
  void link_peers();
  void end_farewells();

  struct role {
    bool leads = false;
    raft_id leader = 0;
  };

  struct told_clock {
    wall_time now;
    std::chrono::steady_clock::time_point at;
  };

  const options& settings_;
  const data_folder& folder_;
  store& db_;
  node_id self_;
  std::string secret_;
  stored_member stored_;
  replicated_journal* journal_ = nullptr;
  std::unique_ptr<cluster_link> links_;
  std::atomic<cluster_link*> sending_{nullptr}; // once it is complete
  std::unique_ptr<snapshot_exchange> snapshots_;
  bool stopped_ = false; // by then the journal's owner may have ended it
  cluster_roles roles_;

  mutable std::mutex mutex_; // what follows
  std::map<node_id, node_addresses> addresses_;
  group_view view_;
  std::vector<raft_member> told_; // by others, while this one knows too little
  std::vector<peer_address> linked_; // the others that may reach this node
  std::vector<peer_address> leaving_;
  std::optional<std::chrono::steady_clock::time_point> farewell_until_;
  bool removed_ = false;
  std::condition_variable wake_;
  std::optional<role> next_; // the newest, if it is not in force
  bool lead_passed_ = false; // it led, and ceased before this was in force
  bool leads_ = false;
  bool actors_live_ = false; // also while they end: their clock may not step
  std::optional<told_clock> told_meanwhile_; // by the next leader
  bool stopping_ = false;
  std::thread thread_;
};

/// What tells clusters apart: 32 hex digits of a hash of their secret.
std::string cluster_id_of(const std::string& secret);

/// The secret in a file, without spaces at its ends. Null, and `why`, if there
/// is none.
std::optional<std::string> read_secret(const std::string& file,
                                       server::failure& why);

} // namespace callboard
