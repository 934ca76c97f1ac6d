// Decides which event goes to whom, again, or aside: one group on one
// partition.
#pragma once

#include "actors/core/delivery_times.hpp"
#include "actors/core/error.hpp"
#include "actors/core/record.hpp"
#include "actors/core/requests.hpp"
#include "actors/core/runs.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace callboard {

/// Where an event is delivered from.
struct position {
  lane in = lane::source;
  event_number number;
  friend auto operator<=>(const position&, const position&) = default;
};

/// Consecutive positions.
struct position_range {
  lane in = lane::source;
  number_range numbers;
  friend bool operator==(const position_range&,
                         const position_range&) = default;
};

/// What must be known of an event to lease it: the id it is settled by, and
/// `N@stream` of the event behind it, which is what parking stores.
struct leasable {
  position at;
  uuid id;
  std::string target;
};

/// An event that was leased; `attempt` counts this delivery.
struct leased_event {
  position at;
  std::uint32_t attempt = 1;
  lease_id lease;
};

/// An event to append to the parked stream, as a link.
struct parked_event {
  position from;
  std::string target; // N@stream
  std::string reason;
};

/// What a decision changes. Changes and parked events are one atomic record,
/// durable before any reply or delivery leaves the broker.
struct group_effects {
  std::vector<change> changes;
  std::vector<parked_event> parked;
  std::optional<event_number> cut_parked; // the parked stream begins here now
  std::vector<leased_event> leased;       // in delivery order
  std::size_t applied = 0;                // ids that were in flight

  bool nothing() const noexcept { return changes.empty() && parked.empty(); }
};

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

  /// The row of a group that begins now, on a stream that ends before `end`.
  static group_row first_row(group_id id, const group_settings& settings,
                             event_number end, event_number parked_end);

  /// Leased events whose ids a restart forgot: read them, then `identify`.
  std::vector<position_range> unidentified() const;
  void identify(const leasable& what);

  /// The stream ends before `end` now.
  void publish(event_number end);

  /// Nothing of the lane below `first` can be read any more (retention,
  /// deletion): it counts as settled.
  group_effects cut(lane in, event_number first);

  /// Of the events that were never delivered only the first `keep` still will
  /// be (the stream was deleted): the others count as settled.
  group_effects abandon(std::uint64_t keep);

  /// These cannot be read although they are not below any cut: settled.
  group_effects drop(std::span<const position> gone);

  /// What the next `lease` of up to `count` events would take, in order of
  /// delivery. Changes nothing. Empty: nothing is ready, or a bound is reached
  /// (`blocked`).
  std::vector<position_range> peek(std::size_t count) const;

  /// Leases these events, a prefix of what `peek` said, until the message
  /// timeout is over. One that has used up its attempts (the settings changed)
  /// is parked instead.
  group_effects lease(std::span<const leasable> events, wall_time now);

  /// Takes a lease back that never reached its consumer: the attempts of its
  /// events are not counted.
  group_effects release(lease_id ticket);

  /// Acks or skips (settles), retries, or parks what is in flight of these ids.
  /// `delays` of a retry come from the retry plan unless `delay_ms` is given;
  /// `random` feeds its jitter. Ids that are not in flight have no effect.
  group_effects settle(settle_action action, std::span<const uuid> ids,
                       std::string_view reason,
                       std::optional<std::uint64_t> delay_ms, wall_time now,
                       std::uint64_t random);

  /// A delayed message of this group is due: a lease ended, or a retry's time
  /// has come. Fires in effect once; a second time only erases its row.
  group_effects fire(const delayed_message& message, wall_time now,
                     std::uint64_t random);

  /// Makes parked events deliverable again: all, or those below `stop_at`.
  group_effects replay(std::optional<event_number> stop_at);

  /// New settings take effect at once; leases and attempts go on.
  group_effects update(const group_settings& settings);

  /// What erases the group, its runs and its delayed messages.
  group_effects remove() const;

  const group_key& key() const noexcept { return key_; }

  const group_row& row() const noexcept { return row_; }

  /// A bound forbids leasing: too much is leased, or too many runs exist.
  bool blocked() const noexcept;

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

  /// In the parked stream, which begins at `first_parked`, and not replayed.
  std::uint64_t parked(event_number first_parked = {}) const noexcept;
  /// The oldest of them.
  event_number oldest_parked(event_number first_parked) const noexcept;

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

private:
  struct lane_state {
    event_number checkpoint; // everything below is settled
    event_number end;        // nothing from here on is delivered
    event_number hint;       // nothing below is ready without being a retry
    runs states;

    std::uint64_t untouched() const noexcept; // ready and never delivered
  };

  struct held_event {
    uuid id;
    std::string target;
    wall_time since; // 0: leased before a restart
  };

  lane_state& lane_of(lane in) noexcept { return lanes_[std::size_t(in)]; }

  const lane_state& lane_of(lane in) const noexcept {
    return lanes_[std::size_t(in)];
  }

  struct ticket_state {
    wall_time due;
    delayed_kind kind = delayed_kind::lease_end;
    std::vector<position_range> covers; // what it was given for
  };

  struct held_hash {
    std::size_t operator()(const position& at) const noexcept {
      return std::hash<event_number>{}(at.number) * 2 + std::size_t(at.in);
    }
  };

  lease_id open_ticket(delayed_kind kind, wall_time due, group_effects& into);
  void take_ids(std::span<const uuid> ids, std::vector<position>& into);
  void hold(const leasable& what, wall_time since);
  void measure(std::span<const position> ended, wall_time now);
  held_event let_go(const position& at);
  void settle_positions(std::vector<position> at, group_effects& into);
  void give_back(std::vector<position> failed,
                 std::optional<std::uint64_t> delay, wall_time now,
                 std::uint64_t random, group_effects& into);
  std::string target_of(const position& at) const;
  void park(const position& at, std::string target, std::string_view reason,
            group_effects& into);
  void advance(lane in, group_effects& into);
  group_effects finish(group_effects todo);

  event_number& row_checkpoint(lane in) noexcept {
    return in == lane::source ? row_.source_checkpoint : row_.replay_checkpoint;
  }

  group_key key_;
  group_row row_;
  group_row stored_row_; // as it was recorded last
  std::array<lane_state, 2> lanes_;
  event_number parked_end_;
  bool replay_first_ = false;
  std::unordered_map<lease_id, ticket_state> tickets_;
  std::unordered_map<position, held_event, held_hash> held_;
  std::unordered_multimap<uuid, position> by_id_;
  std::vector<lease_id> maybe_done_; // tickets that may have lost all holders
  delivery_times times_;
};

/// The id of a ticket's delayed message: unique in the partition, because
/// groups are. 2^24 groups and 2^40 tickets each can exist.
constexpr delayed_id delayed_of(group_id group, lease_id ticket) noexcept {
  return {(group.value << 40)
          | (ticket.value & ((std::uint64_t{1} << 40) - 1))};
}

/// The numbers of sorted positions as ranges.
std::vector<position_range> as_ranges(std::span<const position> sorted);

} // namespace callboard
