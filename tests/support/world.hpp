// A whole node without sockets: real store, virtual time, flushes by hand.
#pragma once

#include "actors/broker_actor.hpp"
#include "persistence/codec.hpp"
#include "tests/support/manual_journal.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/virtual_time.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

/// What is on disk (`folder`, `kept`) survives `crash`; everything else is made
/// anew by it. The wall clock of the operating system can be set by hand.
class world {
public:
  explicit world(std::uint64_t seed = 0, std::size_t partitions = 4)
      : seed_(seed), partitions_(partitions), random_(seed + 1) {
    start();
  }

  ~world() { stop(); }

  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// kill -9, and a start: what was not flushed is gone, timers and waits too.
  void crash() { crash({}, {}); }

  /// The same, with a start that comes so much later, and what somebody does to
  /// the folder in between.
  void crash(std::chrono::milliseconds later,
             const std::function<void()>& meanwhile) {
    epoch_ = now() + std::uint64_t(later.count());
    stop();
    if (meanwhile)
      meanwhile();
    start();
  }

  /// What LMDB gets without waiting for the flusher.
  void flush_store() { node->db->flush().value(); }

  wall_time now() const { return vt->wall_now(); }

  partition_actor partition_of(const std::string& stream) const {
    return broker.routes->partitions[node->placement.home_of(stream).value];
  }

  /// One event each, with ids that count up from `next_id`.
  result<append_reply> publish(const std::string& stream, std::size_t count = 1,
                               std::string type = "order") {
    append_request what{stream, expected_version::any, {}, {}};
    for (std::size_t i = 0; i < count; ++i)
      what.events.push_back({id(next_id++), type, "{}", "", true});
    return vt->ask<append_reply>(partition_of(stream), append_atom_v,
                                 std::move(what));
  }

  result<group_info> create(const std::string& stream, const std::string& group,
                            group_settings settings = {}) {
    return command({{stream, group}, group_verb::create, settings, {}});
  }

  result<group_info> command(group_command what) {
    auto to = partition_of(what.key.stream);
    return vt->ask<group_info>(to, command_atom_v, std::move(what));
  }

  std::optional<result<delivery_batch_ptr>>
  try_fetch(const std::string& stream, const std::string& group,
            std::size_t count = 1, std::chrono::milliseconds wait = {},
            std::uint64_t session = 0) {
    return vt->try_ask<delivery_batch_ptr>(
      partition_of(stream), fetch_atom_v,
      fetch_request{{stream, group}, count, wait, session});
  }

  /// Event numbers that were delivered, with their attempts.
  std::vector<std::pair<std::uint64_t, std::uint32_t>>
  fetch(const std::string& stream, const std::string& group,
        std::size_t count = 1) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> out;
    auto batch = try_fetch(stream, group, count).value().value();
    for (auto& one : batch->events)
      out.emplace_back(one.what.original->number.value, one.attempt);
    return out;
  }

  /// Settles events by the ids that `publish` gave them.
  result<settle_reply>
  settle(const std::string& stream, const std::string& group,
         settle_action action, std::vector<uuid> ids,
         std::optional<std::chrono::milliseconds> delay = {}) {
    return vt->ask<settle_reply>(
      partition_of(stream), settle_atom_v,
      settle_request{{stream, group}, action, std::move(ids), delay, "test"});
  }

  group_info info(const std::string& stream, const std::string& group) {
    return vt
      ->ask<group_info>(partition_of(stream), info_atom_v,
                        group_key{stream, group})
      .value();
  }

  static uuid id(std::uint64_t n) {
    uuid out;
    for (std::size_t i = 0; i < 8; ++i)
      out.bytes[15 - i] = std::uint8_t(n >> (8 * i));
    out.bytes[0] = 0xee;
    return out;
  }

  temporary_folder folder;
  std::vector<journal_entry> kept;
  std::int64_t wall_step_ms = 0; // what somebody set the clock by
  std::uint64_t next_id = 0;

  std::unique_ptr<virtual_time> vt;
  node_ptr node;
  manual_journal* log = nullptr; // the node owns it
  running_broker broker;

private:
  void start() {
    vt = std::make_unique<virtual_time>(seed_, epoch_);
    node = std::make_shared<node_services>();
    node->db = store::open({.folder = folder.path,
                            .partitions = partitions_,
                            .flush_in_background = false})
                 .value();
    for (auto& entry : kept)
      if (entry.index > node->db->applied(entry.partition))
        node->db->apply(entry.partition, entry.index,
                        decode(entry.body).value(), entry.body.size());
    auto journal = std::make_unique<manual_journal>(kept);
    log = journal.get();
    node->log = std::move(journal);
    node->placement = ring{partitions_};
    node->now = [this] { return now(); };
    node->wall = [this] {
      return wall_time{std::uint64_t(std::int64_t(now().value) + wall_step_ms)};
    };
    node->random = [this] { return random_(); };
    auto routes = std::make_shared<std::shared_ptr<const routing_table>>();
    log->events = {
      [routes](partition_id p, log_index index) {
        tell_flushed(**routes, p, index);
      },
      [routes](partition_id p, errc why) { tell_failed(**routes, p, why); }};
    broker = start_broker(
      vt->sys, node,
      {.partitions = partitions_, .readers = 1, .detach_blocking = false});
    *routes = broker.routes;
    vt->run();
  }

  void stop() {
    log->events = {[](partition_id, log_index) {}, [](partition_id, errc) {}};
    for (auto& partition : broker.routes->partitions)
      caf::anon_send_exit(partition, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(broker.broker, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(broker.timer, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(broker.members, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(broker.login, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(broker.scavenger, caf::exit_reason::user_shutdown);
    for (auto& reader : broker.readers)
      caf::anon_send_exit(reader, caf::exit_reason::user_shutdown);
    vt->run();
    broker = {};
    vt.reset();
    node.reset();
  }

  std::uint64_t seed_;
  std::size_t partitions_;
  std::mt19937_64 random_;
  wall_time epoch_{1'700'000'000'000};
};

} // namespace callboard::test
