// Clients of a simulated cluster: they lose answers, try again, fall silent,
// and hold what they are told against the ledger.
#pragma once

#include "tests/simulation/ledger.hpp"
#include "tests/simulation/simulated_broker.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace callboard::test {

/// What of the cluster a client reaches.
class client_access {
public:
  virtual ~client_access() = default;

  /// Asks whoever leads, in somebody's opinion; now, later, or never.
  virtual void request(std::function<void(simulated_broker&)> what) = 0;

  /// Nobody has led in a later term: what such a leader refuses is so.
  virtual bool leads_newest(entry_term term) const = 0;
};

/// What clients saw.
struct client_counts {
  std::size_t published = 0;
  std::size_t repeated = 0;
  std::size_t refused = 0;
  std::size_t delivered = 0;
  std::size_t delivered_again = 0;
  std::size_t settled = 0;
  std::size_t replayed = 0;
  std::size_t registered = 0;
  std::size_t left = 0;
  std::size_t polled = 0;    // records
  std::size_t committed = 0; // positions
};

struct client_world {
  client_access& cluster;
  ledger& log;
  const ring& placement;
  std::mt19937_64& random;
  client_counts counts{};
  raft_ms now = 0;
  bool calm = false; // nothing new any more: what is there comes to its end

  bool one_in(unsigned n) { return random() % n == 0; }

  /// Answers get lost until it is calm.
  bool lost() { return !calm && one_in(10); }
};

/// Publishes one batch after the other, each until it is answered.
class publisher {
public:
  publisher(client_world& world, std::string name,
            std::vector<std::string> streams, bool endless)
      : world_(world), name_(std::move(name)), streams_(std::move(streams)),
        endless_(endless) {}

  void act();
  void check_end() const;

private:
  struct batch {
    append_request what;
    raft_ms asked_at = 0;
  };

  void begin();
  void ask();
  void answered(const append_request& what, const append_reply& reply,
                entry_term term);

  client_world& world_;
  std::string name_;
  std::vector<std::string> streams_;
  bool endless_;
  std::optional<batch> current_;
  std::uint64_t sequence_ = 0;
  std::map<std::string, std::int64_t> known_; // last event number, by stream
  std::map<uuid, std::pair<std::string, event_number>> stored_; // by 2xx
  std::set<uuid> refused_; // by a leader that knew
};

/// The competing consumers of one group.
class group_client {
public:
  group_client(client_world& world, group_key key, group_settings settings)
      : world_(world), key_(std::move(key)), settings_(std::move(settings)) {}

  void act();
  void check_end() const;

private:
  struct held {
    position at;
    std::uint64_t number = 0; // in the source
    std::uint32_t attempt = 0;
  };

  partition_id where() const { return world_.placement.home_of(key_.stream); }

  void
  ask(const std::function<void(simulated_partition&, subscription&)>& what);
  void create();
  void fetch(std::size_t count);
  void take(simulated_partition& from,
            const simulated_partition::deliveries& what,
            std::uint64_t asked_at);
  void take(group_id group, const leased_event& leased, const event& e,
            std::uint64_t asked_at);
  void settle(settle_action action);
  void settled(const std::vector<uuid>& ids,
               const std::vector<std::uint32_t>& attempts, bool for_good);
  void replay();

  client_world& world_;
  group_key key_;
  group_settings settings_;
  bool created_ = false;
  std::map<uuid, held> in_hand_;
  std::set<std::pair<position, std::uint32_t>> delivered_; // with attempts
  std::map<std::uint64_t, std::uint64_t> settled_; // number → when it was told
  std::uint64_t moments_ = 0;
};

/// A consumer of topics: one of a group.
class topic_client {
public:
  topic_client(client_world& world, consumer_key key, std::string group,
               std::vector<std::string> topics)
      : world_(world), key_(std::move(key)), group_(std::move(group)),
        topics_(std::move(topics)) {}

  void act();

private:
  void call(const std::function<void(simulated_broker&)>& what);
  bool answered(std::uint64_t call);
  void join();
  void leave();
  void poll(bool only_commit);
  void take(const std::optional<poll_answer>& answer,
            const std::map<std::string, event_number>& positions);

  client_world& world_;
  consumer_key key_;
  std::string group_;
  std::vector<std::string> topics_;
  std::optional<reader_id> reader_;
  std::uint64_t calls_ = 0;
  bool waiting_ = false;
  raft_ms asked_at_ = 0;
  raft_ms silent_until_ = 0;
};

/// All of them.
class cluster_clients {
public:
  cluster_clients(client_access& cluster, ledger& log, const ring& placement,
                  std::mt19937_64& choices);

  void act(raft_ms now, bool calm);

  /// All that was promised is there, and all that was published was delivered.
  void check_end() const;

  const client_counts& counts() const { return world_.counts; }

private:
  client_world world_;
  std::deque<publisher> publishers_;
  std::deque<group_client> groups_;
  std::deque<topic_client> consumers_;
};

} // namespace callboard::test
