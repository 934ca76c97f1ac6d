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

/// Of a group: `open`, nothing is delivered; `half_open`, one event is, and how
/// it ends decides.
enum class breaker_state : std::uint8_t { closed, open, half_open };

/// A group: key is (stream name, group name). Everything below a checkpoint is
/// settled (or, in the source lane, parked).
struct group_row {
  group_id id;
  group_settings settings;
  event_number source_checkpoint;
  event_number replay_checkpoint; // the parked stream is cut up to here
  event_number replay_end;        // all from here on are parked
  lease_id next_lease;
  std::uint64_t settled = 0;   // acked or skipped, both lanes, since creation
  std::uint64_t parked = 0;    // put into the parked stream, since creation
  std::uint64_t delivered = 0; // leases of single events, since creation
  wall_time paused_until;      // nothing is delivered before; 0: not paused
  breaker_state breaker = breaker_state::closed;
  wall_time breaker_until;  // open: when one event is tried
  std::string pause_reason; // of the pause or of the breaker, for people
  std::uint64_t breaker_delay_ms = 0; // open again for that long
  lease_id breaker_probe;             // half_open: the lease that decides
  wall_time parked_job_due; // next portion of a replay or discard; 0: none
  event_number began_at;    // in the source; `start_from` may be changed later

  friend bool operator==(const group_row&, const group_row&) = default;
};

enum class run_state : std::uint8_t {
  settled,
  leased,
  retry,
  kept, // replay lane: still parked, although a later one is not any more
};

/// A run of events with consecutive numbers that share one state other than
/// ready; key is (group id, lane, first). Runs of a group never overlap.
struct run_row {
  lane in = lane::source;
  event_number first;
  std::uint64_t count = 1;
  run_state state = run_state::settled;
  std::uint32_t attempt = 0; // deliveries so far, the present one included
  lease_id lease;            // leased; retry: its ticket (core/runs.hpp)
  wall_time due;             // leased: when it ends; retry: not before
  wall_time first_lease{};   // kept if the group has a minRetrySpan; else 0

  friend bool operator==(const run_row&, const run_row&) = default;
};

enum class delayed_kind : std::uint8_t {
  lease_end = 1,
  retry_due,
  retention,
  session_end, // a consumer may have been silent for too long
  publish,     // an event is to be appended
  recurring,   // one more event of a schedule is to be appended
  resume,      // a group's pause, or its breaker's, is over
  replay,      // the next portion of a replay with a rate
  announce,    // something happened that `$callboard-events` tells of
  bulk,        // the next step of a change of many delayed messages
  forget,      // history of a group that is old enough
};

/// Ids of delayed messages of different kinds must differ: those of groups
/// (`delayed_of`) stay below all of these.
namespace delayed_ids {
inline constexpr std::uint64_t sweeps = std::uint64_t{4} << 61; // | stream id
inline constexpr std::uint64_t schedules = std::uint64_t{5} << 61; // | sequence
inline constexpr std::uint64_t sessions = std::uint64_t{6} << 61;  // | consumer
inline constexpr std::uint64_t notices = std::uint64_t{7} << 61;   // | sequence
} // namespace delayed_ids

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
  std::uint64_t subject = 0; // lease_end: the lease; else by kind
  std::string body{};        // by kind; in its row it must fit a page

  friend bool operator==(const delayed_message&,
                         const delayed_message&) = default;
};

/// Who holds a lease: what a consumer calls itself (`Consumer-Name`, or its
/// login; may be empty), and where it called from.
struct lease_holder {
  std::string name;
  std::string address;

  friend bool operator==(const lease_holder&, const lease_holder&) = default;
};

/// How the lease of an event ended.
enum class lease_outcome : std::uint8_t {
  acked,
  skipped,
  retried,   // nacked; delivered again
  expired,   // nobody said a word
  parked,    // by its consumer, or its attempts or its time were used up
  released,  // never reached its consumer, or was given back: not counted
  discarded, // taken out of the parked stream by hand; had no lease
};

/// How consecutive events were delivered together, and what came of it. Key is
/// (group id, lane, first, lease): an event leaves a lease once.
struct history_row {
  lane in = lane::source;
  event_number first;
  lease_id lease;
  std::uint64_t count = 1;
  std::uint32_t attempt = 0;
  std::uint32_t extensions = 0;
  wall_time since; // leased; 0: not known any more
  wall_time until; // its deadline then; 0: it had none
  wall_time ended;
  lease_outcome outcome = lease_outcome::acked;
  std::uint64_t delay_ms = 0; // retried, expired: until it could come again
  lease_holder holder;
  std::string words;        // the consumer's, or the reason of parking
  event_number parked_as{}; // parked: the first one's number there, and so on

  friend bool operator==(const history_row&, const history_row&) = default;
};

/// An event that is to be appended later; key is its id. Its delayed message is
/// (due, message); the event itself lies in `pieces` pieces under that id.
struct scheduled_row {
  wall_time due;
  delayed_id message;
  std::uint32_t pieces = 0;
  std::string stream;

  friend bool operator==(const scheduled_row&, const scheduled_row&) = default;
};

/// What a settle with an idempotency key was answered; key is (group id, key).
struct answer_row {
  wall_time at;
  std::string outcomes;    // one byte an item
  lease_id next;           // what was leased with it; 0: nothing
  std::uint64_t items = 0; // a hash of what was asked: another one is refused

  friend bool operator==(const answer_row&, const answer_row&) = default;
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

struct put_history {
  group_id group;
  history_row row;
  friend bool operator==(const put_history&, const put_history&) = default;
};

struct erase_history {
  group_id group;
  lane in = lane::source;
  event_number first;
  lease_id lease;
  friend bool operator==(const erase_history&, const erase_history&) = default;
};

struct put_scheduled {
  uuid id;
  scheduled_row row;
  friend bool operator==(const put_scheduled&, const put_scheduled&) = default;
};

struct erase_scheduled {
  uuid id;
  friend bool operator==(const erase_scheduled&,
                         const erase_scheduled&) = default;
};

/// A part of what a delayed message carries and its row has no room for;
/// `bytes` fit a page of the store with their key.
struct put_piece {
  delayed_id of;
  std::uint32_t piece = 0;
  std::string bytes;
  friend bool operator==(const put_piece&, const put_piece&) = default;
};

struct erase_piece {
  delayed_id of;
  std::uint32_t piece = 0;
  friend bool operator==(const erase_piece&, const erase_piece&) = default;
};

struct put_answer {
  group_id group;
  std::string key;
  answer_row row;
  friend bool operator==(const put_answer&, const put_answer&) = default;
};

struct erase_answer {
  group_id group;
  std::string key;
  friend bool operator==(const erase_answer&, const erase_answer&) = default;
};

using change =
  std::variant<put_stream, put_group, erase_group, put_run, erase_run,
               put_delayed, erase_delayed, put_user, erase_user, put_consumer,
               erase_consumer, put_position, put_history, erase_history,
               put_scheduled, erase_scheduled, put_piece, erase_piece,
               put_answer, erase_answer>;

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
