// Decides which event goes to whom, again, or aside: one group on one
// partition.
#pragma once

#include "actors/core/delivery_times.hpp"
#include "actors/core/error.hpp"
#include "actors/core/group_effects.hpp"
#include "actors/core/group_requests.hpp"
#include "actors/core/kept_history.hpp"
#include "actors/core/lease_note.hpp"
#include "actors/core/lease_tickets.hpp"
#include "actors/core/record.hpp"
#include "actors/core/requests.hpp"
#include "actors/core/runs.hpp"
#include "actors/core/subscription_parts.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace callboard {

/// Delivery state of one group on one partition.
///
///     ready --lease--> leased --ack/skip--> settled
///       ^                |  \---park / attempts used up---> parked
///       |                |                                    |
///       |           nack, lease end                     replay_parked
///       |                v                                    v
///       `--- due --- retry                          ready, in the replay lane
///
/// Two lanes: `source` is the stream, `replay` the group's own parked stream
/// from its cut up to where a replay goes. A parked event is settled in its
/// lane and exists as a new event at the end of the parked stream.
///
/// Order of delivery: retries by number, then the replay, then new events; a
/// replay that began before anything waited for its retry goes first.
///
/// A group can be paused, and has a breaker: open, nothing is leased; then half
/// open, one event is, and how its lease ends closes the breaker or opens it
/// again. `resume` messages move both on.
///
/// With `lease_loss::charge_guilty` the events of a lease that died are not
/// charged an attempt but come back in two halves, each of which is leased
/// apart from all else, and so on down to single events, which are charged.
///
/// Invariants: an event of a lane's [checkpoint, end) is in exactly one run or
/// ready; the event at a checkpoint is not settled. At most
/// `limits::in_flight_max` events are leased, and nothing new is leased while
/// `limits::runs_max` runs exist.
/// Deterministic: no I/O, no clock, no threads; its actor serialises calls.
class subscription {
public:
  /// A group from its rows; `end` and `parked_end` are the next numbers of the
  /// stream and of the parked stream.
  subscription(group_key key, group_row row, std::span<const run_row> stored,
               event_number end, event_number parked_end);

  /// The row of a group that begins now, on a stream that ends before `end` and
  /// of which nothing below `first` can be read.
  static group_row first_row(group_id id, const group_settings& settings,
                             event_number end, event_number parked_end,
                             event_number first = {});

  /// Leased events whose ids a restart forgot: read them, then `identify`.
  std::vector<position_range> unidentified() const;
  void identify(const leasable& what);

  /// The messages of leases and retries that a restart forgot: read them, then
  /// `recall` who holds what. Leases that were not recalled have no holder.
  std::vector<std::pair<wall_time, delayed_id>> messages() const;
  void recall(const delayed_message& message);

  /// The history that is stored, in any order: from then on its oldest rows are
  /// forgotten as bounds demand.
  void recall(std::span<const history_row> stored);

  /// The stream ends before `end` now.
  void publish(event_number end);

  /// Nothing of the lane below `first` can be read any more (retention,
  /// deletion): it counts as settled. Of the source only what was never
  /// delivered: what is leased, or waits for its retry, ends as ever, and holds
  /// the checkpoint back.
  group_effects cut(lane in, event_number first);
  /// Whether such a cut of the source would settle anything.
  bool loses_below(event_number first) const;

  /// Of the events that were never delivered only the first `keep` still will
  /// be (the stream was deleted): the others count as settled.
  group_effects abandon(std::uint64_t keep);

  /// These cannot be read although they are not below any cut: settled.
  group_effects drop(std::span<const position> gone);

  /// What the next `lease` of up to `count` events would take, in order of
  /// delivery. Changes nothing. Empty: nothing is ready, a bound is reached
  /// (`blocked`), or the group is paused.
  std::vector<position_range> peek(std::size_t count) const;

  /// How many more events this consumer may have: by the group's bound for one
  /// name and by `credit` (0: none of its own). No name, no bound.
  std::uint64_t allowance(const lease_holder& who, std::size_t credit) const;

  /// Leases these events, a prefix of what `peek` said, until the message
  /// timeout is over. One that has used up its attempts (the settings changed)
  /// or its time is parked instead.
  group_effects lease(std::span<const leasable> events, wall_time now,
                      lease_holder who = {});

  /// Whether a lease may leave before its record is on disk: the group is lazy,
  /// and no other lease will ever have its number, whatever a crash takes.
  bool leaves_early(lease_id ticket) const noexcept;
  /// A row with this `next_lease` is on disk.
  void stored(lease_id next_lease) noexcept;

  /// Takes a lease back that never reached its consumer: the attempts of its
  /// events are not counted.
  group_effects release(lease_id ticket, wall_time now);

  /// Acks or skips (settles), retries, or parks what is in flight of these ids.
  /// `delays` of a retry come from the retry plan unless `delay_ms` is given;
  /// `random` feeds its jitter. Ids that are not in flight have no effect.
  group_effects settle(settle_action action, std::span<const uuid> ids,
                       std::string_view reason,
                       std::optional<std::uint64_t> delay_ms, wall_time now,
                       std::uint64_t random);

  /// The items in order, each an id or a lease; one of `outcomes` for each.
  group_effects settle(std::span<const settle_item> items, wall_time now,
                       std::uint64_t random,
                       std::vector<settle_outcome>& outcomes);

  /// A delayed message of this group is due: a lease ended, a retry's time has
  /// come, or a pause is over. Fires in effect once; a second time, or for a
  /// lease that was extended, only erases its row.
  group_effects fire(const delayed_message& message, wall_time now,
                     std::uint64_t random);

  /// The messages of retries whose time has not come, in order.
  std::vector<lease_id> waiting_retries(wall_time now) const;
  /// Another time for what waits for these messages, the end of a lease or
  /// retries. What is due already stays as it is. `applied`: events.
  group_effects move(std::span<const lease_id> tickets, wall_time due,
                     wall_time now);
  /// For a job, whose mark they get: those of these retries that wait as it saw
  /// them.
  group_effects move(std::span<const retry_move> what, delayed_id job,
                     wall_time now);

  /// Leases nothing before `until`.
  group_effects pause(wall_time until, std::string_view reason);
  /// Ends a pause, and closes the breaker.
  group_effects resume();
  /// Opens the breaker until `now + delay_ms`.
  group_effects trip(std::uint64_t delay_ms, std::string_view words,
                     wall_time now);

  /// Makes parked events deliverable again: all, or those below `stop_at`.
  group_effects replay(std::optional<event_number> stop_at);

  /// New settings take effect at once; leases and attempts go on, and what has
  /// used up its attempts now is for `give_up`. Where a group begins counts as
  /// long as nothing was delivered or settled: then it moves, on a stream like
  /// that of `first_row`.
  group_effects update(const group_settings& settings, event_number end,
                       event_number first = {});

  /// Retries that have used more attempts than the settings allow, in order
  /// from `from` on, up to `count` events: `lease` would park them.
  std::vector<position_range> used_up(position from, std::size_t count,
                                      wall_time now) const;
  /// Parks those of these that are: `applied`.
  group_effects give_up(std::span<const leasable> events, wall_time now);

  /// What erases history, in records of a bounded size: all but the last one,
  /// which erases the group, its runs and its delayed messages.
  std::vector<group_effects> remove() const;

  const group_key& key() const noexcept { return key_; }

  const group_row& row() const noexcept { return row_; }

  /// A bound forbids leasing: too much is leased, or too many runs exist.
  bool blocked() const noexcept;
  std::uint64_t in_flight_bound() const noexcept;
  std::size_t runs_count() const noexcept;

  /// Paused, the breaker is open, or its one event is leased.
  bool held_back() const noexcept;

  std::uint64_t in_flight() const noexcept;
  std::uint64_t retrying() const noexcept; // due or not
  /// Retries whose time has not come. For every group at every moment:
  /// published = settled + parked + in_flight + waiting + ready.
  std::uint64_t waiting() const noexcept;
  /// Could be leased now, retries that are due included.
  std::uint64_t ready() const noexcept;

  /// Of a lane, ready and never delivered.
  std::uint64_t untouched(lane in) const noexcept {
    return lane_of(in).untouched();
  }

  /// In the parked stream, which begins at `first_parked`, and not replayed,
  /// nor discarded.
  std::uint64_t parked(event_number first_parked = {}) const noexcept;
  /// The oldest of them.
  event_number oldest_parked(event_number first_parked) const noexcept;

  /// The earliest due time of a lease (`lease_end`) or of a retry
  /// (`retry_due`); 0: there is none.
  wall_time next_due(delayed_kind kind) const;

  /// When the oldest lease began; 0: there is none, or that is not known.
  wall_time oldest_lease() const;

  /// Who holds events, with how many; leases without a name as "". A look at
  /// all leases.
  std::map<std::string, std::uint64_t> holders() const;

  /// Parts of leases in order of (lane, number), behind `after`, up to `count`.
  std::vector<held_lease>
  leases(std::optional<std::pair<lane, event_number>> after,
         std::size_t count) const;

  /// What this lease still has, in order.
  std::vector<leased_event> leased_under(lease_id ticket) const;

  /// An event that is in flight: the last one with this id.
  std::optional<position> find(const uuid& id) const;

  /// How it stands with a position, and with how many deliveries; settled also
  /// if it was parked. A lane without such a number: `not_found`.
  struct whereabouts {
    event_standing standing = event_standing::not_found;
    std::uint32_t attempts = 0;
    wall_time due;                   // waiting
    std::optional<held_lease> lease; // leased
  };

  whereabouts at(const position& where) const;

  /// Events that wait for their retry or can be delivered again.
  std::vector<position_range> retries() const;

  /// Empty unless the settings ask for them.
  const delivery_times& times() const noexcept { return times_; }

  event_number end() const noexcept { return lane_of(lane::source).end; }

  event_number parked_end() const noexcept { return parked_end_; }

  event_number checkpoint(lane in) const noexcept {
    return lane_of(in).checkpoint;
  }

  /// Settled events above the checkpoint, parked ones included.
  std::uint64_t settled_early(lane in) const noexcept {
    return lane_of(in).states.settled();
  }

  // --- subscription_parked.cpp: by numbers in the parked stream --------------
  /// The first that are parked from `number` on; more may follow.
  std::optional<number_range> next_parked(event_number number) const;
  /// Of these, sorted, `applied` were parked: they can be delivered again, or
  /// are settled.
  group_effects replay_these(std::span<const event_number> numbers);
  group_effects discard(std::span<const event_number> numbers,
                        std::string_view words, wall_time now);
  /// What is to be replayed and was not delivered yet is parked as before:
  /// `applied`.
  group_effects stop_replay();
  /// Being replayed: ready, leased, or waiting for a retry.
  std::uint64_t replaying() const noexcept;

  /// Events of a replay that were parked again, since it was asked last.
  std::uint64_t take_parked_again() noexcept;
  /// How many more runs leave room for delivering.
  std::size_t room_for_runs() const noexcept;
  /// When the next portion of a replay or discard is due, or 0: its message
  /// takes the place of the one before.
  group_effects plan_parked_job(wall_time due, std::string body = {});

private:
  struct lane_state {
    event_number checkpoint; // everything below is settled
    event_number end;        // nothing from here on is delivered
    event_number hint;       // nothing below is ready without being a retry
    runs states;

    std::uint64_t untouched() const noexcept; // ready and never delivered
  };

  lane_state& lane_of(lane in) noexcept { return lanes_[std::size_t(in)]; }

  const lane_state& lane_of(lane in) const noexcept {
    return lanes_[std::size_t(in)];
  }

  // subscription_lease.cpp
  lease_id open_ticket(delayed_kind kind, wall_time due, lease_note note,
                       group_effects& into);
  void index(lease_id ticket, const ticket_state& is);
  delayed_message message_of(lease_id ticket, const ticket_state& is) const;
  void hold(const leasable& what, wall_time since);
  void let_go(lane in, const runs::run& leased);
  std::uint64_t holders_of(lease_id ticket) const;
  std::vector<position> positions_of(lease_id ticket) const;
  void close_tickets(group_effects& into);
  void take_back(std::span<const position> at, group_effects& into);
  wall_time lease_end(wall_time now) const;
  void wait_until(lease_id ticket, wall_time due);
  void extend(lease_id ticket, wall_time due);
  void come_apart(std::vector<position> ended, wall_time now,
                  std::uint64_t random, group_effects& into);

  // subscription_settle.cpp
  void take_ids(std::span<const uuid> ids, std::optional<lease_id> of,
                std::vector<position>& into) const;
  settle_outcome settle_one(const settle_item& item, wall_time now,
                            std::uint64_t random, group_effects& into);
  void settle_taken(settle_action action, std::vector<position> taken,
                    const return_plan& plan, wall_time now,
                    std::uint64_t random, group_effects& into);
  void measure(std::span<const position> ended, wall_time now);
  void settle_positions(std::vector<position> at, group_effects& into);
  void give_back(std::vector<position> failed, const return_plan& plan,
                 wall_time now, std::uint64_t random, group_effects& into);
  void return_as(std::span<const position> at, const runs::state& next);
  void advance(lane in, group_effects& into);
  group_effects cut_untouched(event_number first);
  group_effects settle_untouched(event_number end, std::uint64_t keep);
  void replay_up_to(event_number end);
  group_effects on_record(group_effects todo) const;
  group_effects finish(group_effects todo);

  // subscription_pause.cpp
  std::optional<std::string> reason_to_park(const runs::state& is,
                                            wall_time give_up_at,
                                            wall_time now) const;
  bool gives_up(const leasable& what, runs::state was, wall_time now,
                group_effects& into);
  held_event known_of(const position& at) const;
  void park(const position& at, const runs::state& was, const held_event& what,
            std::string_view reason, std::string_view words, wall_time now,
            group_effects& into);
  group_effects end_pause(const delayed_message& message);
  void judge(lease_id ticket, lease_outcome outcome, wall_time now);
  void time_pauses(group_effects& into);

  // subscription_history.cpp
  held_lease describe(lane in, const runs::run& part) const;
  bool is_open(const position& first, std::uint64_t count) const;
  void note_end(ended_event what);
  void note_ends(std::span<const position> at, lease_outcome outcome,
                 std::string_view words, wall_time now,
                 std::uint64_t delay_ms = 0);
  void write_history(group_effects& into);
  void forget_history(wall_time now, group_effects& into);

  event_number& row_checkpoint(lane in) noexcept {
    return in == lane::source ? row_.source_checkpoint : row_.replay_checkpoint;
  }

  group_key key_;
  group_row row_;
  group_row stored_row_; // as it was recorded last
  lease_id next_lease_;  // that of a lazy group's row is ahead of it
  lease_id stored_next_; // of the row that is on disk
  std::array<lane_state, 2> lanes_;
  event_number parked_end_;
  bool replay_first_ = false;
  std::unordered_map<lease_id, ticket_state> tickets_;
  std::unordered_map<std::string, std::uint64_t> by_holder_; // leased events
  std::set<lease_id> apart_; // tickets whose events are leased apart
  std::unordered_map<position, held_event, position_hash> held_;
  std::unordered_multimap<uuid, position> by_id_;
  std::uint64_t parked_again_ = 0;
  std::vector<lease_id> maybe_done_; // tickets that may have lost all holders
  std::unordered_map<lease_id, wall_time> moved_; // and their stored due
  std::vector<ended_event> ended_;                // since the last record
  kept_history history_;                          // the rows that are stored
  delivery_times times_;
};

} // namespace callboard
