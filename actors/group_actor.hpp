// Shell of core/subscription: fetches that wait, reading ahead, recording.
#pragma once

#include "actors/core/subscription.hpp"
#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace callboard {

/// A fetch that has not been answered. `until` 0: it does not wait.
struct waiting_fetch {
  std::size_t count = 0;
  std::uint64_t session = 0;
  wall_time until;
  caf::typed_response_promise<delivery_batch_ptr> promise;
};

/// An event that can be leased, with what its delivery says.
struct loaded_event {
  position at;
  resolved_event what;
};

/// State of one group actor. It decides with `core`, has the partition record
/// the effects, then replies. It ends when something of it cannot be recorded,
/// and is spawned again from its rows when it is next needed.
struct group_state {
  static inline const char* name = "group";

  caf::result<delivery_batch_ptr> fetch(const fetch_request& what);
  caf::result<settle_reply> settle(const settle_request& what);
  caf::result<group_info> command(const group_command& what);
  caf::result<bool> fired(const delayed_message& message);
  /// Where the parked stream begins: somebody may have truncated it.
  event_number first_parked() const;
  /// Only what is in memory; `measures`: counts begin anew.
  group_info info(bool measures);
  /// The same, and how old the oldest parked event is.
  caf::result<group_info> tell(bool measures);
  void cancel(std::uint64_t session);
  void release(lease_id lease);
  void published(event_number end, event_number first);
  void restart();
  void failed(errc why);
  void crashed(const std::exception& error);
  /// Runs what answers nobody by itself; with a promise: what was to keep it.
  void guard(const std::function<void()>& act);
  template <class Promise>
  void guard(Promise to, const std::function<void()>& act);
  void tick();
  bool stream_has_grown() const;
  void wake(std::uint64_t generation);

  /// Builds `core` from the rows, and finds out what leased events are called.
  errc start();

  /// Serves the fetches that wait, oldest first, as far as there is something.
  void pump();

  // group_reading.cpp: where events come from
  struct collected {
    std::vector<loaded_event> events;
    std::optional<position_range> missing; // not in memory
    std::vector<position> gone;            // cannot be read at all
  };

  collected collect(const std::vector<position_range>& ranges);
  void load(position_range missing, std::size_t count);
  void loaded(position_range asked, resolved_events& events);
  void read_ahead();
  void identify_next();
  std::optional<stream_id> stream_of(lane in);
  range_request request_for(lane in, event_number from, std::size_t count);
  void forget_ahead(event_number below);
  void cut_source(event_number first);
  /// What parking the event would link to, if not to the event itself.
  std::string target_text(const resolved_event& what, lane in) const;

  void settle_now(const settle_request& what,
                  caf::typed_response_promise<settle_reply> to);
  void fire_now(const delayed_message& message,
                caf::typed_response_promise<bool> to);
  void lease_to_front(std::vector<loaded_event> events);
  void answer_empty(bool all);
  void record(group_effects todo, bool wait,
              std::function<void(errc)> then = {});
  void run_deferred();
  void end_if_done();
  errc refusal() const noexcept;
  void arm();
  void count_delivered(std::size_t events);

  group_actor::pointer self = nullptr;
  group_key key;
  partition_id where;
  node_ptr node;
  partition_actor partition;
  reader_actor reader;
  std::optional<subscription> core;
  std::optional<stream_id> source_id;
  std::optional<stream_id> parked_id;

  std::deque<waiting_fetch> polls;
  std::map<position, resolved_event> ahead; // read, not yet leased
  std::size_t ahead_bytes = 0;
  bool loading = false;
  std::vector<position_range> unidentified; // being read after a restart
  bool identifying = false;
  std::vector<std::function<void(errc)>> deferred; // until they are identified
  std::size_t outstanding = 0;                     // records on their way
  errc ending = errc::none; // what requests are answered with from now on

  bool tick_armed = false;
  wall_time armed;
  std::uint64_t armed_generation = 0;
  std::uint64_t no_progress = 0; // ticks without any

  std::uint64_t delivered_total = 0;
  std::uint64_t delivered_at_last = 0; // measurement
  wall_time measured_at;
  event_number loaded_end; // of the stream when the group was loaded
  event_number spared;     // the stream was deleted up to here: not cut again
  std::optional<std::pair<event_number, wall_time>> oldest_parked; // as read
};

/// Spawned by its partition, linked to it.
group_actor::behavior_type
group_behavior(group_actor::stateful_pointer<group_state> self, group_key key,
               partition_id where, node_ptr node, partition_actor partition,
               reader_actor reader);

} // namespace callboard
