// The bounds of groups: what they hold, how long they remember, what they are
// asked for. limits.hpp has all others, and includes this.
#pragma once

#include <chrono>
#include <cstddef>

namespace callboard::limits {

using namespace std::chrono_literals;

/// Events of a group that are leased at the same time.
inline constexpr std::size_t in_flight_max = 10'000;

/// Runs (settled out of order, leased, waiting for a retry) of a group; at the
/// bound it leases nothing new until some are settled, and `why` says so.
inline constexpr std::size_t runs_max = 100'000;

/// Events of one fetch, as in Event Store.
inline constexpr std::size_t fetch_count_max = 100;

/// Ready events that a group keeps in memory ahead of its consumers.
inline constexpr std::size_t read_ahead_events_max = 1'000;
inline constexpr std::size_t read_ahead_bytes_max = std::size_t{2} << 20;

/// Completed deliveries that a group's extra statistics are about.
inline constexpr std::size_t measured_deliveries_max = 1'000;

/// Items of one settle.
inline constexpr std::size_t settle_items_max = 1'000;

/// UTF-8 bytes of what a consumer says of itself, of a lease, or of a nack; of
/// the longer ones the beginning is kept.
inline constexpr std::size_t holder_bytes_max = 100;
inline constexpr std::size_t words_bytes_max = 500;

/// Answers to settles with an idempotency key that a group keeps, and for how
/// long.
inline constexpr std::size_t answers_max = 1'000;
inline constexpr std::chrono::milliseconds answers_kept = 10min;
inline constexpr std::size_t idempotency_key_bytes_max = 200;

/// How leases ended: kept for so long after the event is settled, and so many
/// rows of a group at most; the oldest go first.
inline constexpr std::chrono::milliseconds history_kept = 24h;
inline constexpr std::size_t history_rows_max = 20'000;

/// Rows of history or answers that one record erases.
inline constexpr std::size_t forgotten_rows_max = 1'000;

/// Events of a stream, from its newest back, that are looked at for an id, and
/// rows of history that are read for one event.
inline constexpr std::size_t explained_events_max = 20'000;
inline constexpr std::size_t explained_rows_max = 2'000;

/// Sets of events that come back apart from others because their lease died
/// (`chargeOnLeaseLoss: guilty`): with so many, no further ones are halved.
inline constexpr std::size_t suspects_max = 16;

/// Parts of leases on one page of their list.
inline constexpr std::size_t leases_page_max = 1'000;

/// What is told of groups and waits to be appended to `$callboard-events`, of
/// one partition: so many messages of so many bytes. What does not fit is only
/// logged.
inline constexpr std::size_t notices_waiting_max = 10'000;
inline constexpr std::size_t notices_bytes_max = 3'500;

/// Events that `$callboard-events` keeps by default.
inline constexpr std::size_t notices_kept = 100'000;

/// Parked events that one call, or one step of a replay or discard, looks at;
/// they are read in pieces, since each may be large.
inline constexpr std::size_t parked_look_max = 1'000;
inline constexpr std::size_t parked_piece_events = 100;

/// What one command about parked events may name and say: it must fit a row.
inline constexpr std::size_t parked_ids_max = 100;
inline constexpr std::size_t parked_command_bytes_max = 3'200;

/// Reasons of parking that one page counts apart; the rest is `other`.
inline constexpr std::size_t parked_reasons_max = 50;

/// A replay that stops by itself has at most so many events under way, and
/// judges once so many have ended.
inline constexpr std::size_t watched_replay_max = 100;
inline constexpr std::size_t watched_replay_sample = 10;

/// Longest pause of a group.
inline constexpr std::chrono::milliseconds pause_max = 24h * 365;

/// Fetches that wait in one group, and in one stream for its end.
inline constexpr std::size_t waiting_polls_max = 10'000;

/// Longest wait of a long poll.
inline constexpr std::chrono::milliseconds poll_wait_max = 60s;

/// Longest `delay=` of a nack.
inline constexpr std::chrono::milliseconds retry_delay_max = 24h * 365;

} // namespace callboard::limits
