// What is asked of a group beyond fetch and ack: settling in one go, who holds
// what, why nothing comes, what became of an event, and what is parked.
#pragma once

#include "actors/core/requests.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

// --- settling ---------------------------------------------------------------

/// Names one lease for ever: ids of groups and of their leases are not reused.
struct lease_token {
  group_id group;
  lease_id lease;
  friend auto operator<=>(const lease_token&, const lease_token&) = default;
};

/// `g<group>-l<lease>` in decimal; for headers, links and bodies.
std::string to_string(const lease_token& token);
/// Nothing if the text is not one.
std::optional<lease_token> parse_lease_token(std::string_view text);

/// `extend` moves the lease's deadline; `release` gives an event back as if it
/// had not been delivered: its attempt does not count.
enum class settle_verb : std::uint8_t {
  ack,
  skip,
  retry,
  park,
  extend,
  release,
};

/// One thing to settle: an event, all events of a lease, or an event if that
/// lease still has it.
struct settle_item {
  settle_verb verb = settle_verb::ack;
  std::optional<uuid> id;
  std::optional<lease_token> lease;            // at least one of the two
  std::optional<std::chrono::milliseconds> by; // retry: delay; extend: from now
  std::string words;                           // why: retry, park, skip
  bool trips = false; // if it is applied, so is `settle_batch::trip`
};

enum class settle_outcome : std::uint8_t {
  applied,
  stale,   // the token's lease is over, or does not have the event: no change
  unknown, // nothing of that id is in flight
};

/// Trips the breaker of the group: nothing is delivered for that long, then one
/// event is tried. One whose lease is over has no say in that.
struct breaker_trip {
  std::chrono::milliseconds delay{0};
  std::string words;
};

/// All items in order, in one record together with the leases of `next` if
/// something is ready; nothing else is decided in between. `key` makes it safe
/// to repeat: the same key and items get the same answer, `next` included as
/// far as it is still leased.
struct settle_batch {
  group_key key;
  std::vector<settle_item> items;
  std::optional<breaker_trip> trip;
  std::optional<fetch_request> next;
  std::string idempotency_key; // empty: none
};

/// `items` by position. `next` is null if nothing was asked for.
struct settle_batch_reply {
  errc error =
    errc::none; // or already_exists: the key was used for other items
  std::vector<settle_outcome> items;
  delivery_batch_ptr next;
  group_id group; // of the tokens of `next`
};

using settle_batch_reply_ptr = std::shared_ptr<const settle_batch_reply>;

// --- who holds what, and why nothing comes ----------------------------------

/// A part of a lease: events with consecutive numbers.
struct held_lease {
  lease_token token;
  lane in = lane::source;
  event_number first;
  std::vector<uuid> ids; // in order of number; zero: not known since a restart
  std::uint32_t attempt = 1;
  std::uint32_t extensions = 0;
  wall_time since; // 0: before a restart
  wall_time until; // 0: for as long as it takes
  lease_holder holder;
};

/// `after`: the last part of the page before, by (lane, number).
struct leases_query {
  group_key key;
  std::optional<std::pair<lane, event_number>> after;
  std::size_t count = 100; // parts
};

struct lease_list {
  wall_time now;
  std::vector<held_lease> leases; // by (lane, number)
  bool more = false;
};

using lease_list_ptr = std::shared_ptr<const lease_list>;

/// Why a group delivers nothing, or less than it could: a code for programs, a
/// sentence for people, figures.
struct stall_reason {
  std::string code; // kebab-case; docs/consuming.md lists them
  std::string text;
  std::vector<std::pair<std::string, std::int64_t>> figures;
};

/// `delivers`: a fetch now would get something.
struct group_standing {
  wall_time now;
  bool delivers = false;
  std::vector<stall_reason> reasons;
  group_info info;
};

using group_standing_ptr = std::shared_ptr<const group_standing>;

// --- what became of an event ------------------------------------------------

struct explain_query {
  group_key key;
  uuid id;
};

enum class event_standing : std::uint8_t {
  not_found, // no such event in the stream, as far as is known
  before,    // below where the group began
  ready,
  leased,
  waiting, // for its retry
  settled,
  parked,
};

/// One event as this group sees it; of several with the id, the newest.
/// `history` is in order of time, and complete unless `cut`.
struct explanation {
  event_standing standing = event_standing::not_found;
  wall_time now;
  lane in = lane::source;
  event_number number;
  event_ptr what;                   // null: not readable any more
  std::uint32_t attempts = 0;       // deliveries so far
  std::optional<held_lease> lease;  // leased
  wall_time due;                    // waiting: until when
  std::vector<history_row> history; // of both lanes
  bool cut = false;
  group_id group; // of the tokens in `history`
};

using explanation_ptr = std::shared_ptr<const explanation>;

// --- the parked stream ------------------------------------------------------

/// All that are given must hold. Times: when it was parked.
struct parked_filter {
  std::vector<uuid> ids{}; // of the events, or of the parked links; empty: any
  std::string reason{};    // a part of it; empty: any
  std::string type{};      // of the event, exactly; empty: any
  wall_time from{};
  wall_time to{}; // 0: no end

  bool empty() const noexcept {
    return ids.empty() && reason.empty() && type.empty() && from.value == 0
           && to.value == 0;
  }

  friend bool operator==(const parked_filter&, const parked_filter&) = default;
};

struct parked_query {
  group_key key;
  parked_filter filter;
  std::optional<event_number> after; // number in the parked stream
  std::size_t count = 100;
};

struct parked_item {
  event_number at; // number in the parked stream
  uuid link;       // id of the parked link
  event_ptr what;  // null: not readable any more
  std::string target;
  std::string reason;
  wall_time parked;
};

/// `by_reason`: of all that are parked and were looked at, filter or not.
struct parked_page {
  std::vector<parked_item> items;
  std::vector<std::pair<std::string, std::uint64_t>> by_reason;
  std::uint64_t parked = 0;
  event_number looked_at; // more: the last one, to read on behind
  bool more = false;
};

using parked_page_ptr = std::shared_ptr<const parked_page>;

/// `discard` settles parked events for good; `words` says why. `replay` makes
/// them deliverable again: at most `per_second` of them, and it stops by itself
/// when more than `stop_percent` of them fail again. 0: no bound. What is
/// parked after the command is not meant by it. `stop_replay` ends what goes on
/// in the background, and what was not delivered yet is parked as before.
enum class parked_verb : std::uint8_t { replay, discard, stop_replay };

struct parked_command {
  group_key key{};
  parked_verb verb = parked_verb::replay;
  parked_filter filter{};
  std::string words{};
  double per_second = 0;
  double stop_percent = 0;
};

/// `chosen`: so far. `more`: it goes on in the background, also after a
/// restart. Errors: already_exists (one command at a time), too_large (too many
/// ids, or too long a filter).
struct parked_reply {
  std::uint64_t chosen = 0;
  bool more = false;
};

} // namespace callboard
