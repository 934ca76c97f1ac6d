// What actors ask of each other: plain structs, one comment each. No CAF here.
#pragma once

#include "actors/core/delivery_counts.hpp"
#include "actors/core/error.hpp"
#include "actors/core/record.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

// --- streams ----------------------------------------------------------------

/// Expected versions with a meaning of their own (spec 6.1).
namespace expected_version {
inline constexpr std::int64_t any = -2;
inline constexpr std::int64_t no_stream = -1;
inline constexpr std::int64_t stream_exists = -4;
} // namespace expected_version

/// Appends all events in one record, or none. `policy` is what the events say
/// of the stream whose metadata stream this is (`$$S`), parsed by the sender;
/// it takes effect in the same record.
struct append_request {
  std::string stream;
  std::int64_t expected = expected_version::any;
  std::vector<new_event> events;
  std::optional<stream_policy> policy;
};

/// Outcome of an append or delete that was decided; errors of the broker itself
/// (overloaded, storage_full ...) travel as CAF errors instead.
struct append_reply {
  errc error = errc::none;   // or wrong_version, stream_deleted
  event_number first;        // of the events written, now or when first sent
  std::int64_t current = -1; // last event number, for wrong_version
  bool repeated = false;     // nothing was written: the ids were known
};

struct delete_request {
  std::string stream;
  std::int64_t expected = expected_version::any;
  bool hard = false; // a tombstone, for ever
};

enum class direction : std::uint8_t { forward, backward };

/// Reads a page. `from` counts from 0; nothing: from the end (backward only).
struct read_request {
  std::string stream;
  std::optional<event_number> from;
  std::size_t count = 20;
  direction towards = direction::forward;
  bool resolve_links = false;
};

/// An event as a reader sees it. `resolved` differs from `original` only for a
/// link; it is empty if the target is gone. `target` names the stream of
/// `resolved` when it was reached through a link.
struct resolved_event {
  event_ptr original;
  event_ptr resolved;
  std::string target;

  bool through_link() const noexcept {
    return original != nullptr && is_link(*original) && !target.empty();
  }
};

inline std::size_t memory_bytes(const resolved_event& e) noexcept {
  return memory_bytes(*e.original)
         + (e.resolved && e.resolved != e.original ? memory_bytes(*e.resolved)
                                                   : 0);
}

/// A page in reading order. `head` is the stream when it was read; an absent
/// stream has no head. `end_of_stream`: nothing follows in reading order.
/// `covered`: how many numbers the page answers for, from the first one asked
/// for; links to what follows must use it. It is less than the count asked for
/// if the page had to be cut short (`limits::page_bytes_max`), and more
/// if all of them lie before the stream's first event, to which it then leads.
struct event_page {
  std::optional<stream_row> head;
  std::vector<resolved_event> events;
  std::size_t covered = 0;
  bool end_of_stream = true;
};

using event_page_ptr = std::shared_ptr<const event_page>;

/// A stream and the groups on it; what permission checks need is in `policy`.
struct stream_description {
  std::optional<stream_row> head;
  std::vector<std::string> groups; // in order of creation
};

// --- groups -----------------------------------------------------------------

/// Names a group; `stream` decides the partition.
struct group_key {
  std::string stream;
  std::string group;
  friend auto operator<=>(const group_key&, const group_key&) = default;
};

/// Takes up to `count` events. `wait`: zero answers at once, else an empty
/// group answers when an event arrives or the time is over. `session` names the
/// waiter for `cancel_atom`; unique in the process, 0 if it does not wait.
/// `in_flight_max`: no more than so many events are leased to this holder
/// (by its name) at a time, whatever the group allows; 0: no bound.
struct fetch_request {
  group_key key;
  std::size_t count = 1;
  std::chrono::milliseconds wait{0};
  std::uint64_t session = 0;
  lease_holder who{};
  std::size_t in_flight_max = 0;
  bool resumes = false; // before those that wait already
};

/// One delivered event. Ids to settle it by are those of `what.original`.
struct delivery {
  resolved_event what;
  lane from = lane::source;
  std::uint32_t attempt = 1; // retryCount + 1
  lease_id lease;
};

/// Deliveries in delivery order.
struct delivery_batch {
  group_id group; // of the leases
  std::vector<delivery> events;
};

using delivery_batch_ptr = std::shared_ptr<const delivery_batch>;

/// `retry` uses the group's retry schedule, or `delay`; `stop` is what Event
/// Store does with it: skip.
enum class settle_action : std::uint8_t { ack, retry, park, skip };

struct settle_request {
  group_key key;
  settle_action action = settle_action::ack;
  std::vector<uuid> ids;
  std::optional<std::chrono::milliseconds> delay; // retry only
  std::string reason;                             // of the client
  bool whole_group = false; // retry: trips the group's breaker for `delay`
};

/// How many of the ids were in flight; the others had no effect.
struct settle_reply {
  std::size_t applied = 0;
};

/// A moment to come: so long from now, or, without `in`, a time of the wall
/// clock. What is over already is now.
struct due_time {
  std::optional<std::chrono::milliseconds> in;
  wall_time at{};

  friend bool operator==(const due_time&, const due_time&) = default;
};

enum class group_verb : std::uint8_t {
  create,
  update,
  remove,
  replay_parked,
  pause,
  resume, // ends a pause, and closes the breaker
  move,   // what waits for a message of the group
};

/// Changes a group. `stop_at`: replay only parked events below this number.
struct group_command {
  group_key key;
  group_verb verb = group_verb::create;
  group_settings settings;             // create, update
  std::optional<event_number> stop_at; // replay_parked
  std::optional<due_time> due{};    // pause: until then, nothing: until it is
                                    // resumed; move: to then, nothing: now
  std::string reason{};             // pause, for people
  std::optional<lease_id> ticket{}; // move; nothing: all retries
};

/// What `info` tells of a group. Counts and rates of deliveries begin when the
/// group is loaded, or with the last measurement: an `info` or a list of
/// groups.
struct group_info {
  group_key key;
  group_settings settings;
  std::uint64_t created_order = 0; // sorts groups of a stream by creation
  double items_per_second = 0;
  std::uint64_t delivered_total = 0;
  std::uint64_t delivered_since_last = 0;
  std::int64_t checkpoint = -1;   // last event with all before it settled
  std::int64_t last_known = -1;   // last event of the stream
  std::uint64_t live_buffer = 0;  // came since the group was loaded (bounded)
  std::uint64_t read_buffer = 0;  // new ones to deliver (bounded)
  std::uint64_t retry_buffer = 0; // to deliver again: retries, the replay
  std::uint64_t retrying = 0;     // waiting for a retry, due or not
  std::uint64_t in_flight = 0;
  std::uint64_t parked = 0;
  std::uint64_t ready = 0; // could be delivered now, the replay included
  std::uint64_t settled = 0;
  std::uint64_t waiting_polls = 0;
  std::uint64_t oldest_parked_s = 0; // age of the oldest parked event
  bool loading = false;              // still finding out what is leased
  bool reading = false;              // waits for a page of its stream
  bool replaying = false;            // more to replay than its buffer holds
  bool live = false;                 // no more new events than that
  /// Why nothing is leased although something is ready; empty: it is.
  std::string blocked;
  std::vector<std::pair<std::string, std::int64_t>> extra_statistics;
  wall_time paused_until; // 0: not paused
  wall_time moved_to{};   // by a `move`
  breaker_state breaker = breaker_state::closed;
  wall_time breaker_until;
  std::string pause_reason;
  wall_time next_retry; // due of the earliest retry that waits; 0: none
  delivery_counts counts;
  /// Seconds: since the oldest event that could be delivered was published, as
  /// far as it is in memory, and since the oldest lease began.
  std::uint64_t oldest_ready_s = 0;
  std::uint64_t oldest_lease_s = 0;
};

using group_infos = std::vector<group_info>;

// --- space ------------------------------------------------------------------

enum class scavenge_verb : std::uint8_t { start, stop, status };

/// `id` names the scavenge to start, or the only one to stop (nothing: any).
struct scavenge_command {
  scavenge_verb verb = scavenge_verb::status;
  std::optional<uuid> id;
};

/// `Stopped` by somebody, or `Errored`: the disk did not do it.
enum class scavenge_outcome : std::uint8_t { success, stopped, errored };

/// The scavenge that runs, and the last one that ended since the start.
struct scavenge_status {
  std::optional<uuid> running;
  std::optional<uuid> last;
  scavenge_outcome outcome = scavenge_outcome::success; // of the last one
};

// --- users ------------------------------------------------------------------

/// A user who proved who he is. Nobody: anonymous.
struct principal {
  std::string login;
  std::vector<std::string> groups;
};

/// Checks a password. `address` is the client's, or what stands for it, so
/// that guessing can be slowed down; not if the caller knows that this password
/// was right before.
struct login_request {
  std::string login{};
  std::string password{};
  std::string address{};
  bool known_good = false;
};

enum class login_outcome : std::uint8_t {
  granted,
  refused,   // unknown, disabled, or another password
  throttled, // not checked: too many attempts failed
};

struct login_reply {
  login_outcome what = login_outcome::refused;
  principal who{}; // granted
};

enum class user_verb : std::uint8_t {
  create,
  update, // what is not given stays
  remove,
  enable,
  disable,
  reset_password,
  change_password, // needs the current one
};

/// What the passwords of a command come to. Hashing takes long on purpose, so
/// it is done before the partition decides; `compared_with` tells whether that
/// still holds.
struct password_proof {
  std::string compared_with{}; // stored hash of that time; empty: no such user
  bool matches = false;        // the password given is that one
  bool throttled = false;      // not compared: too many attempts failed
  std::string hash{};          // of the new password; empty if it is not needed
};

/// Prepares a command that carries passwords. `current` is for change_password
/// only; a create compares `fresh` with what is stored.
struct password_request {
  user_verb verb = user_verb::create;
  std::string login{};
  std::string current{};
  std::string fresh{};
  std::string address{};
};

struct user_command {
  user_verb verb = user_verb::create;
  std::string login{};
  std::optional<std::string> full_name{};           // create, update
  std::optional<std::vector<std::string>> groups{}; // create, update
  password_proof password{}; // create, reset_password, change_password
};

enum class user_outcome : std::uint8_t {
  done, // or nothing had to be done
  not_found,
  conflict,       // there is such a user, with other details
  wrong_password, // the current one
  last_admin,     // nobody could administer users any more
  too_many,       // limits::users_max
  try_again,      // the user changed while the password was hashed
};

struct user_reply {
  user_outcome outcome = user_outcome::done;
};

/// What may be told of a user.
struct user_info {
  std::string login{};
  std::string full_name{};
  std::vector<std::string> groups{};
  bool disabled = false;
  wall_time updated;
};

using user_infos = std::vector<user_info>;

} // namespace callboard
