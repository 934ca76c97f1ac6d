// Shell of core/subscription: fetches that wait, reading ahead, recording.
#pragma once

#include "actors/core/answer_book.hpp"
#include "actors/core/parked_job.hpp"
#include "actors/core/stall_reasons.hpp"
#include "actors/core/subscription.hpp"
#include "actors/node.hpp"
#include "actors/wall_ahead.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

/// A fetch that has not been answered. `until` 0: it does not wait. `settled`
/// is the idempotency key of the settle that it came with.
struct waiting_fetch {
  fetch_request what;
  wall_time until;
  std::string settled;
  std::function<void(errc, delivery_batch_ptr)> answer;
};

/// An event that can be leased, with what its delivery says.
struct loaded_event {
  position at;
  resolved_event what;
};

struct settle_batch_work; // group_settling.cpp: one that is being answered
struct event_search;      // group_explaining.cpp

/// State of one group actor. It decides with `core`, has the partition record
/// the effects, then replies. It ends when something of it cannot be recorded,
/// and is spawned again from its rows when it is next needed.
struct group_state {
  static inline const char* name = "group";

  caf::result<delivery_batch_ptr> fetch(const fetch_request& what);
  caf::result<group_info> command(const group_command& what);
  /// By the broker's clock, as it is stored.
  wall_time moment_of(due_time when) const;
  caf::result<bool> fired(const delayed_message& message);
  /// Where the parked stream begins: somebody may have truncated it.
  event_number first_parked() const;
  /// Only what is in memory; `measures`: counts begin anew.
  group_info info(bool measures);
  /// The same, and how old the oldest parked event is.
  caf::result<group_info> tell(bool measures);
  void cancel(std::uint64_t session);
  void release(lease_id lease);
  void restart();
  void failed(errc why);
  void crashed(const std::exception& error);
  /// Runs what answers nobody by itself; with a promise: what was to keep it.
  void guard(const std::function<void()>& act);
  template <class Promise>
  void guard(Promise to, const std::function<void()>& act);
  /// A request that needs to know what leased events are called.
  template <class Reply, class Act>
  caf::result<Reply> once_identified(Act act);
  void tick();
  void wake(std::uint64_t generation);

  /// Builds `core` from the rows, and finds out what leased events are called.
  errc start();
  // group_recalling.cpp
  errc recall(group_effects& anew);
  errc recall_messages(group_effects& anew);

  /// Serves the fetches that wait, oldest first, as far as there is something.
  void pump();

  // group_reading.cpp: where events come from
  void published(event_number end, event_number first);
  void offered(const std::vector<event_ptr>& events);
  void learn(event_number end, event_number first);
  void catch_up();
  result<group_effects> updated(const group_settings& settings);
  void await_growth();
  /// Whether a fetch waits that its own bounds do not hold back.
  bool somebody_wants() const;
  event_number stored_end() const;

  struct collected {
    std::vector<loaded_event> events;
    std::optional<position_range> missing; // not in memory
    std::vector<position> gone;            // cannot be read at all
  };

  collected collect(const std::vector<position_range>& ranges);
  void load(position_range missing, std::size_t count);
  void loaded(position_range asked, resolved_events& events);
  void read_ahead();
  void rest();
  void identify_next();
  std::optional<stream_id> stream_of(lane in);
  range_request request_for(lane in, event_number from, std::size_t count);
  void forget_ahead(event_number below);
  void cut_source(event_number first);
  /// What parking the event would link to, if not to the event itself.
  std::string target_text(const resolved_event& what, lane in) const;
  leasable as_leasable(const resolved_event& what, const position& at) const;

  // group_settling.cpp
  caf::result<settle_reply> settle(const settle_request& what);
  void settle_now(const settle_request& what,
                  caf::typed_response_promise<settle_reply> to);
  caf::result<settle_batch_reply_ptr> settle_all(const settle_batch& what);
  void settle_all_now(const settle_batch& what,
                      caf::typed_response_promise<settle_batch_reply_ptr> to);
  void answer_again(const settle_batch& what, const answer_row& known,
                    const std::shared_ptr<settle_batch_work>& work);
  delivery_batch_ptr next_at_once(const fetch_request& what,
                                  group_effects& into);
  using take_event = std::function<void(loaded_event)>;
  void read_again(std::vector<position_range> ranges, const take_event& take,
                  const std::function<void()>& then);

  // group_telling.cpp
  /// A stored time as it is told; 0 and `never_ends` are none.
  wall_time wall_of(wall_time stored) const;
  void to_wall(held_lease& told) const;
  group_work work() const;
  caf::result<lease_list_ptr> leases(const leases_query& what);
  caf::result<group_standing_ptr> standing();

  // group_explaining.cpp
  caf::result<explanation_ptr> explain(const explain_query& what);
  void search(const uuid& id, caf::typed_response_promise<explanation_ptr> to);
  void look_on(std::shared_ptr<event_search> by);
  void looked(const std::shared_ptr<event_search>& by, position_range asked,
              const resolved_events& events);
  explanation_ptr explained(position at, const resolved_event& what);

  // group_parked.cpp: listing, and changes portion by portion
  struct parked_walk;
  using portion_done = std::function<void(errc, parked_reply)>;
  caf::result<parked_page_ptr> list_parked(const parked_query& what);
  caf::result<parked_reply> change_parked(const parked_command& what);
  caf::result<parked_reply> stop_parked_job();
  void go_on(const delayed_message& message,
             caf::typed_response_promise<bool> to);
  void work_on(parked_job job, const portion_done& done);
  void finish_portion(parked_job job, const std::vector<event_number>& chosen,
                      const portion_done& done);
  void stop_failing(const parked_job& job, const portion_done& done);
  void walk(std::shared_ptr<parked_walk> what);
  void show(parked_walk& to, number_range asked, resolved_events& events);

  // group_kept.cpp: copies of what is parked
  void copy_parked();
  void copy_these(number_range asked, const resolved_events& events);
  using parked_read = std::function<void(errc, resolved_events&)>;
  void read_parked(number_range asked, const parked_read& then);
  void read_copies(resolved_events events, const parked_read& then);

  // group_notices.cpp: what `$callboard-events` is told
  void remember_standing();
  std::vector<notice> happened(const group_effects& todo);
  void tell(std::string type, const std::string& members);
  void tell_stalled(std::string_view code);
  void tell_discarded(std::uint64_t events, std::string_view words);
  void tell_replay_stopped(const parked_job& job);

  void move_retries(std::vector<lease_id> left, wall_time to,
                    std::function<void(errc)> then);
  void park_used_up(position from, const std::function<void(errc)>& then);
  std::function<void(errc)> then_park_used_up(position from,
                                              std::function<void(errc)> then);
  void fire_now(const delayed_message& message,
                caf::typed_response_promise<bool> to);
  void queue(const fetch_request& what, std::string settled,
             std::function<void(errc, delivery_batch_ptr)> answer);
  std::pair<group_effects, delivery_batch_ptr>
  lease(std::vector<loaded_event> events, const lease_holder& who);
  void lease_to(std::size_t poll, std::vector<loaded_event> events);
  /// What comes next for this fetch, by all bounds; 0: nothing may.
  std::size_t wanted_by(const fetch_request& what) const;
  delivery_batch_ptr no_events() const;
  void answer_empty(bool all);
  void record(group_effects todo, bool wait,
              std::function<void(errc)> then = {});
  void run_deferred();
  void end_if_done();
  errc refusal() const noexcept;
  void arm();
  void count_delivered(const delivery_batch& batch);
  void count_ended(const std::vector<change>& recorded);
  void count_settled(const group_effects& todo);

  group_actor::pointer self = nullptr;
  group_key key;
  partition_id where;
  node_ptr node;
  partition_actor partition;
  reader_actor reader;
  std::optional<subscription> core;
  answer_book answers;
  std::optional<stream_id> source_id;
  std::optional<stream_id> parked_id;

  std::deque<waiting_fetch> polls;
  std::map<position, resolved_event> ahead; // read, not yet leased
  std::size_t ahead_bytes = 0;
  wall_time oldest_rested; // the first that `rest` forgot, until one is leased
  bool loading = false;
  bool awaiting = false;                    // the partition will tell of more
  std::vector<position_range> unidentified; // being read after a restart
  bool identifying = false;
  std::vector<std::function<void(errc)>> deferred; // until they are identified
  std::size_t outstanding = 0;                     // records on their way
  errc ending = errc::none; // what requests are answered with from now on

  bool tick_armed = false;
  wall_time armed;
  std::uint64_t armed_generation = 0;
  std::uint64_t no_progress = 0;       // ticks without any
  std::uint64_t idle_ticks = 0;        // nobody waits, and nothing was taken
  std::uint64_t delivered_at_tick = 0; // the last one

  delivery_counts deliveries;
  std::uint64_t delivered_total = 0;
  std::uint64_t delivered_at_last = 0; // measurement
  wall_time measured_at;
  mutable wall_ahead clocks;
  event_number loaded_end;  // of the stream when the group was loaded
  event_number spared;      // the stream was deleted up to here: not cut again
  event_number passed_over; // what it lost, that nobody asked about yet
  std::optional<std::pair<event_number, wall_time>> oldest_parked; // as read

  bool copying = false;           // of what is parked
  bool parked_busy = false;       // a command about parked events is at work
  std::uint64_t parked_stops = 0; // so many were told to end
  std::vector<notice> to_tell;    // with the next record
  wall_time told_pause;           // as `$callboard-events` was told
  breaker_state told_breaker = breaker_state::closed;
};

/// Spawned by its partition, linked to it.
group_actor::behavior_type
group_behavior(group_actor::stateful_pointer<group_state> self, group_key key,
               partition_id where, node_ptr node, partition_actor partition,
               reader_actor reader);

} // namespace callboard
