// What one decision writes: new events, and rows to put and to erase.
#pragma once

#include "actors/core/event.hpp"
#include "actors/core/group_settings.hpp"
#include "actors/core/ids.hpp"

#include <compare>
#include <string>
#include <variant>
#include <vector>

namespace callboard {

/// What the metadata stream `$$S` says of S (spec 6.9). 0 means: not set.
struct stream_policy {
  std::uint64_t max_count = 0;
  std::uint64_t max_age_seconds = 0;
  std::uint64_t truncate_before = 0;
  std::uint64_t cache_control_seconds = 0;
  std::string acl; // the JSON text of `$acl`; empty if there is none

  friend bool operator==(const stream_policy&, const stream_policy&) = default;
};

enum class stream_state : std::uint8_t {
  live,
  soft_deleted, // reads as missing; the next append revives it
  tombstoned,   // gone for ever
};

/// A stream: key is its name. Invariant: first_live <= next.
struct stream_row {
  stream_id id;
  event_number next;       // the number that the next event gets
  event_number first_live; // events below are invisible; their space is reused
  stream_state state = stream_state::live;
  stream_policy policy;

  friend bool operator==(const stream_row&, const stream_row&) = default;
};

/// The two sequences that a group delivers from: the stream itself, and the
/// group's own parked stream while it is replayed.
enum class lane : std::uint8_t { source, replay };

/// A group: key is (stream name, group name). Everything below a checkpoint is
/// settled (or, in the source lane, parked).
struct group_row {
  group_id id;
  group_settings settings;
  event_number source_checkpoint;
  event_number replay_checkpoint; // the parked stream is cut up to here
  event_number replay_end;        // parked events from here on are not replayed
  lease_id next_lease;
  std::uint64_t settled = 0;   // acked or skipped, both lanes, since creation
  std::uint64_t parked = 0;    // put into the parked stream, since creation
  std::uint64_t delivered = 0; // leases of single events, since creation

  friend bool operator==(const group_row&, const group_row&) = default;
};

enum class run_state : std::uint8_t { settled, leased, retry };

/// A run of events with consecutive numbers that share one state other than
/// ready; key is (group id, lane, first). Runs of a group never overlap.
struct run_row {
  lane in = lane::source;
  event_number first;
  std::uint64_t count = 1;
  run_state state = run_state::settled;
  std::uint32_t attempt = 0; // deliveries so far, the present one included
  lease_id lease;            // leased
  wall_time due;             // leased: when it ends; retry: not before

  friend bool operator==(const run_row&, const run_row&) = default;
};

enum class delayed_kind : std::uint8_t {
  lease_end = 1,
  retry_due,
  retention,
  session_end, // a consumer may have been silent for too long
};

/// A message to the actor of (stream, group) that LMDB keeps until it is due;
/// key is (due, id). Whoever receives it decides and records, and that record
/// erases the row: so it may come twice, and takes effect once. For a consumer
/// `stream` is its id, `group` the group that its key has.
struct delayed_message {
  delayed_id id;
  wall_time due;
  delayed_kind kind = delayed_kind::lease_end;
  std::string stream;
  std::string group;         // empty: it is for the stream
  std::uint64_t subject = 0; // lease_end: the lease; else unused

  friend bool operator==(const delayed_message&,
                         const delayed_message&) = default;
};

struct user_row {
  std::string full_name;
  std::vector<std::string> groups;
  std::string password_hash; // libsodium's encoded argon2id
  bool disabled = false;
  wall_time updated;

  friend bool operator==(const user_row&, const user_row&) = default;
};

/// Names a registered consumer. One that says its id with each request is known
/// by that alone; one that is bound to its connection by group and id.
struct consumer_key {
  std::string id;
  std::string bound_group{}; // empty: by id alone

  friend auto operator<=>(const consumer_key&, const consumer_key&) = default;
};

/// Where a group begins to read a topic that it never read before.
enum class start_policy : std::uint8_t { latest, earliest };

/// A registered consumer of topics; a row of partition 0.
struct consumer_row {
  std::string group;
  std::vector<std::string> topics; // as it named them, in that order
  std::uint64_t number = 0;        // never reused while others are registered
  wall_time silent_until;          // when its session_end is due

  friend bool operator==(const consumer_row&, const consumer_row&) = default;
};

struct put_stream {
  std::string name;
  stream_row row;
  friend bool operator==(const put_stream&, const put_stream&) = default;
};

struct put_group {
  std::string stream;
  std::string group;
  group_row row;
  friend bool operator==(const put_group&, const put_group&) = default;
};

struct erase_group {
  std::string stream;
  std::string group;
  friend bool operator==(const erase_group&, const erase_group&) = default;
};

struct put_run {
  group_id group;
  run_row row;
  friend bool operator==(const put_run&, const put_run&) = default;
};

struct erase_run {
  group_id group;
  lane in = lane::source;
  event_number first;
  friend bool operator==(const erase_run&, const erase_run&) = default;
};

struct put_delayed {
  delayed_message message;
  friend bool operator==(const put_delayed&, const put_delayed&) = default;
};

struct erase_delayed {
  wall_time due;
  delayed_id id;
  friend bool operator==(const erase_delayed&, const erase_delayed&) = default;
};

struct put_user {
  std::string login;
  user_row row;
  friend bool operator==(const put_user&, const put_user&) = default;
};

struct erase_user {
  std::string login;
  friend bool operator==(const erase_user&, const erase_user&) = default;
};

struct put_consumer {
  consumer_key key;
  consumer_row row;
  friend bool operator==(const put_consumer&, const put_consumer&) = default;
};

struct erase_consumer {
  consumer_key key;
  friend bool operator==(const erase_consumer&,
                         const erase_consumer&) = default;
};

/// A consumer group reads on in this stream from `next`: all before it is
/// committed.
struct put_position {
  std::string group;
  std::string stream;
  event_number next;
  friend bool operator==(const put_position&, const put_position&) = default;
};

using change =
  std::variant<put_stream, put_group, erase_group, put_run, erase_run,
               put_delayed, erase_delayed, put_user, erase_user, put_consumer,
               erase_consumer, put_position>;

/// An event at the end of a stream; its number is the stream's next one.
struct appended_event {
  stream_id stream;
  event_ptr what;
};

/// What one decision writes to its partition's log, all or nothing. Applying
/// the records of a log in order gives the partition's state: followers and
/// recovery do only that. Later changes of a record win over earlier ones.
struct record {
  wall_time at; // the broker's clock (`core/clock.hpp`) when it was decided
  std::vector<appended_event> events;
  std::vector<change> changes;

  bool empty() const noexcept { return events.empty() && changes.empty(); }
};

using record_ptr = std::shared_ptr<const record>;

} // namespace callboard
