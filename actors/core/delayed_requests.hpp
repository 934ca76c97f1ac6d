// What is asked about delayed messages: scheduling events, seeing and changing
// what is waiting.
#pragma once

#include "actors/core/recurrence.hpp"
#include "actors/core/requests.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

// --- scheduling -------------------------------------------------------------

/// Appends each event when it is due, under its own id; those of one moment in
/// the order in which they were scheduled. One record. An id that is scheduled
/// for this stream, or that the stream got lately, changes nothing.
struct schedule_request {
  std::string stream;
  std::vector<std::pair<new_event, due_time>> events;
};

/// Appends an event whenever the rule says so. `event.id` names the schedule;
/// each event gets an id that follows from it and from the time.
struct recurring_request {
  std::string stream;
  recurrence rule;
  new_event event;
};

/// Outcome of what was decided about scheduled things.
struct schedule_reply {
  /// stream_deleted; too_large: beyond `limits::delay_max`; already_exists: the
  /// id is scheduled for another stream, by another rule, or as something else;
  /// invalid_argument: the rule names no time to come; not_found: nothing of
  /// that id is scheduled, or (of a rule) there is no such time zone.
  errc error = errc::none;
  partition_id partition{};
  bool repeated = false; // nothing was recorded: all was known
  wall_time due{};       // of the last event, by the wall clock
};

/// `stop` is for jobs, the others for all else.
enum class delayed_verb : std::uint8_t { cancel, move, stop };

/// Changes one scheduled event, schedule or job, by its id.
struct delayed_command {
  uuid id;
  delayed_verb verb = delayed_verb::cancel;
  due_time due{}; // move
};

// --- many at once -----------------------------------------------------------

/// All that are given must hold.
struct delayed_filter {
  std::vector<delayed_kind> kinds{}; // empty: any
  std::string stream{};
  std::string group{};
  wall_time from{}; // due, by the wall clock
  wall_time to{};   // due before; 0: no end
};

enum class bulk_verb : std::uint8_t { cancel, move, shift };

/// Changes the scheduled events and schedules of a partition that the filter
/// lets through and that are there now, a bounded step after the other. `id`
/// names the job: the same one again changes nothing.
struct bulk_command {
  uuid id{};
  bulk_verb verb = bulk_verb::cancel;
  delayed_filter filter{};
  due_time due{};            // move
  std::int64_t shift_ms = 0; // shift
};

/// How far a job is in its partition.
struct bulk_progress {
  bulk_verb verb = bulk_verb::cancel;
  std::uint64_t looked_at = 0;
  std::uint64_t changed = 0;
  bool done = false; // it is told of for another day
};

// --- seeing -----------------------------------------------------------------

/// Of all partitions. `after`: (due, partition, id) of the last one of the page
/// before, as stored.
struct delayed_query {
  delayed_filter filter;
  std::size_t count = 100;
  wall_time after_due;
  partition_id after_partition;
  delayed_id after_id;
};

struct delayed_item {
  partition_id partition;
  delayed_message what;
  wall_time due; // by the wall clock
};

/// In order of (due, partition, id). `more`: read on behind (`due`,
/// `partition`, `id`), even if no item was found.
struct delayed_page {
  std::vector<delayed_item> items;
  bool more = false;
  wall_time due;
  partition_id partition;
  delayed_id id;
};

using delayed_page_ptr = std::shared_ptr<const delayed_page>;

/// Names one delayed message: by the id of what is scheduled, else as stored.
struct delayed_ref {
  partition_id partition;
  std::optional<uuid> scheduled;
  wall_time due{};
  delayed_id id{};

  friend bool operator==(const delayed_ref&, const delayed_ref&) = default;
};

struct delayed_detail {
  delayed_item item;
  std::optional<new_event> event;   // publish, recurring
  std::optional<recurrence> rule;   // recurring
  std::optional<bulk_progress> job; // bulk
  std::uint64_t fired = 0;          // recurring: events so far
};

/// Null: there is no such message.
using delayed_detail_ptr = std::shared_ptr<const delayed_detail>;

} // namespace callboard
