// Every bound of the broker, with its unit and its reason.
#pragma once

#include "actors/core/group_limits.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace callboard::limits {

using namespace std::chrono_literals;

// --- names and events -------------------------------------------------------

/// UTF-8 bytes. LMDB's keys end at 511; partition, separator and a group's name
/// must fit beside a stream's.
inline constexpr std::size_t stream_name_bytes_max = 400;
inline constexpr std::size_t group_name_bytes_max = 90;
inline constexpr std::size_t event_type_bytes_max = 1024;

/// Data and metadata of one event together, as in Event Store.
inline constexpr std::size_t event_bytes_max = std::size_t{4} << 20;

/// Events and bytes of one append: it is one record, all or nothing.
inline constexpr std::size_t append_events_max = 10'000;
inline constexpr std::size_t append_bytes_max = std::size_t{16} << 20;

/// Event ids that a partition remembers for idempotent publishing.
inline constexpr std::size_t recent_ids_max = 100'000;

/// Streams whose heads a partition keeps in memory; others are read again.
inline constexpr std::size_t stream_heads_max = 100'000;

// --- reading ----------------------------------------------------------------

/// Events of one page of a stream, as in Event Store, and the bytes after which
/// a page is cut short (never below one event).
inline constexpr std::size_t page_events_max = 4096;
inline constexpr std::size_t page_bytes_max = std::size_t{8} << 20;

/// Whoever asks a stream for more events goes on by counting, not by links:
/// such a page may have more bytes, and is refused if it would be cut short.
inline constexpr std::size_t cut_page_events_max = 100;
inline constexpr std::size_t whole_page_bytes_max = std::size_t{16} << 20;

/// Runs and events that one page of all events looks at; it is cut short there
/// if few of them can be seen.
inline constexpr std::size_t page_runs_max = 100'000;

/// Streams of one page of their list.
inline constexpr std::size_t page_streams_max = 1'000;

// --- storage ----------------------------------------------------------------

/// A stored value fills at most one LMDB page. Longer values take runs of
/// pages, and finding a run in a fragmented file costs milliseconds.
inline constexpr std::size_t value_bytes_max = 4080;

/// LMDB's own key limit.
inline constexpr std::size_t key_bytes_max = 511;

/// One flush of the wal takes all that waits, up to this.
inline constexpr std::size_t wal_group_bytes_max = std::size_t{32} << 20;
inline constexpr std::size_t wal_file_bytes = std::size_t{64} << 20;

/// One record, and the events in it (`log_position` counts them): more than the
/// largest append that is scheduled takes with its rows. It is a frame of a wal
/// file, and of a link between the nodes of a cluster, which lets as much wait
/// as such a file has.
inline constexpr std::size_t record_bytes_max = std::size_t{40} << 20;
inline constexpr std::size_t record_events_max = std::size_t{1} << 14;
static_assert(record_bytes_max < wal_file_bytes
              && record_events_max > append_events_max);

/// Spare files kept ready: one to go on with, one in reserve, so that there is
/// room for settling and deleting when the disk is full.
inline constexpr std::size_t wal_spares = 2;

/// The flusher moves what was applied into LMDB at these at the latest.
inline constexpr std::chrono::milliseconds flush_interval = 200ms;
inline constexpr std::size_t flush_bytes = std::size_t{16} << 20;

/// What may wait for the flusher; over it publishers get 503 + Retry-After, and
/// over twice as much everybody: what makes room takes memory, too.
inline constexpr std::size_t unflushed_bytes_max = std::size_t{128} << 20;

/// Bytes of an append that goes on when publishing has stopped, since it has
/// less kept: what is left for that must not go to long metadata.
inline constexpr std::size_t room_bytes_max = 4096;

/// A disk with less room than this is full, whatever a failed write says.
inline constexpr std::uint64_t disk_bytes_min = std::uint64_t{1} << 20;

/// The newest events stay in memory even when LMDB has them.
inline constexpr std::size_t recent_bytes_max = std::size_t{48} << 20;

/// Pages of LMDB's file that stay mapped into this process, libraries included;
/// the page cache of the system keeps as much as it likes.
inline constexpr std::size_t mapped_bytes_max = std::size_t{64} << 20;

/// Blocks of invisible events that one transaction erases.
inline constexpr std::size_t trim_blocks_max = 256;

/// Blocks of a partition's order of events that one transaction looks through
/// for invisible ones, besides as many again as it writes.
inline constexpr std::size_t sweep_blocks_max = 32;

// --- delayed messages -------------------------------------------------------

/// Delayed messages that the timer keeps in memory, and how far it looks ahead.
inline constexpr std::size_t timer_window_max = 100'000;
inline constexpr std::chrono::milliseconds timer_window = 1min;

/// Messages that the timer has sent to partitions and that are not answered
/// yet: each answer is looked for among all of them.
inline constexpr std::size_t timer_unanswered_max = 2'000;

/// Refused messages of which the timer remembers when to offer them again, and
/// messages that it leaves alone until the next start: those that are damaged.
inline constexpr std::size_t timer_refused_max = 100'000;
inline constexpr std::size_t timer_left_alone_max = 10'000;

/// The farthest that anything can be put off.
inline constexpr std::chrono::milliseconds delay_max = 24h * 36'525;

/// What is scheduled lies in pieces of so many bytes: rows of one page each.
inline constexpr std::size_t scheduled_piece_bytes = 4000;

/// What recurs is published at most so often, and is missed if it is late by
/// more than this (`catch_up::skip`).
inline constexpr std::chrono::milliseconds recurring_min = 1s;
inline constexpr std::chrono::milliseconds late_max = 1min;

/// UTF-8 bytes of a cron line and of a time zone's name.
inline constexpr std::size_t cron_bytes_max = 200;
inline constexpr std::size_t zone_bytes_max = 100;

/// Delayed messages of one page, and those that are looked at for it.
inline constexpr std::size_t delayed_page_max = 1'000;
inline constexpr std::size_t delayed_looked_at_max = 20'000;

/// Jobs that change many delayed messages: those of a partition, what one step
/// looks at, and how long the outcome is told of. A step waits while more than
/// so many bytes wait for the flusher.
inline constexpr std::size_t bulk_jobs_max = 1'000;
inline constexpr std::size_t bulk_step_rows = 40; // publishers wait behind it
inline constexpr std::chrono::milliseconds bulk_kept = 24h;
inline constexpr std::size_t bulk_backlog_bytes_max = std::size_t{48} << 20;

/// Longest time that a dry run counts for before it says how far it came.
inline constexpr std::chrono::milliseconds dry_run_wait_max = 5s;

/// Delayed messages that a partition counts at a time after its start.
inline constexpr std::size_t counted_rows = 2'000;

/// How long the timer waits before it offers a refused message again: twice as
/// long each time, up to the maximum, one that is refused for the same reason.
inline constexpr std::chrono::milliseconds refused_delay = 1s;
inline constexpr std::chrono::milliseconds refused_delay_max = 1min;

/// Longest sleep of the timer: a stepped wall clock is noticed by then.
inline constexpr std::chrono::milliseconds sleep_max = 1min;

// --- consumers of topics ----------------------------------------------------

/// Consumers that are registered at the same time: each has an actor.
inline constexpr std::size_t consumers_max = 10'000;

/// Consumer groups whose positions a partition keeps in memory.
inline constexpr std::size_t consumer_groups_max = 20'000;

/// Topics in which such a group has a position. These stay when its members
/// have gone.
inline constexpr std::size_t group_topics_max = 10'000;

/// Registrations, goodbyes and expiries that wait for each other.
inline constexpr std::size_t membership_changes_max = 1'000;

/// UTF-8 bytes. The row of a consumer with all its topics lies in one page of
/// the store.
inline constexpr std::size_t consumer_id_bytes_max = 200;
inline constexpr std::size_t consumer_topics_max = 100;
inline constexpr std::size_t consumer_topics_bytes_max = 3000;

/// A consumer that was silent for so long is not registered any more.
inline constexpr std::chrono::milliseconds consumer_silence_max = 2min;

/// Answer of one poll: it is cut short behind this, after at least one record.
inline constexpr std::size_t poll_bytes_max = std::size_t{2} << 20;
inline constexpr std::size_t poll_records_max = 50'000;

/// Polls of one consumer that wait for each other.
inline constexpr std::size_t consumer_polls_max = 16;

/// Body of a frame of the binary producer: one append, as it is one record.
inline constexpr std::size_t producer_frame_bytes_max = append_bytes_max;

/// Frames of one binary producer that are being recorded, and their bytes; no
/// more of its input is read meanwhile.
inline constexpr std::size_t producer_frames_max = 4096;
inline constexpr std::size_t producer_bytes_max = 2 * append_bytes_max;

/// From a binary producer's connection to its first frame, and from the
/// beginning of a frame to its end.
inline constexpr std::chrono::milliseconds producer_frame_wait_max = 30s;

/// Registrations of one consumer that were handed something which they have not
/// committed: connections that come and go.
inline constexpr std::size_t consumer_readers_max = 16;

// --- users ------------------------------------------------------------------

/// UTF-8 bytes. A user with all its groups and its hash lies in one page of the
/// store.
inline constexpr std::size_t login_bytes_max = 200;
inline constexpr std::size_t full_name_bytes_max = 400;
inline constexpr std::size_t user_groups_max = 30;
inline constexpr std::size_t user_group_bytes_max = 90;
inline constexpr std::size_t password_bytes_max = 1024;

/// Users of the broker: all are in memory once one was changed.
inline constexpr std::size_t users_max = 10'000;

/// Passwords that wait for being checked or hashed, tens of milliseconds each,
/// of all connections; over it clients get 503 + Retry-After.
inline constexpr std::size_t password_checks_max = 64;

/// Wrong passwords in a row before 429, for one login and from one address, and
/// how long it takes until one more may be tried. Who logged in before and
/// comes with the same password is not counted.
inline constexpr std::uint64_t login_failures_max = 20;
inline constexpr std::chrono::milliseconds login_failure_forgotten = 5s;
inline constexpr std::uint64_t address_failures_max = 100;
inline constexpr std::chrono::milliseconds address_failure_forgotten = 1s;

/// Logins and addresses whose failures are remembered.
inline constexpr std::size_t throttled_max = 10'000;

/// Who passed, and who did not, is remembered for so long by each io thread: a
/// password is not checked again for every request. Changes of users are
/// noticed at once.
inline constexpr std::chrono::milliseconds login_kept = 60s;
inline constexpr std::chrono::milliseconds refusal_kept = 1s;
inline constexpr std::size_t logins_kept_max = 10'000;

/// ACLs of streams that each io thread remembers, and for how long.
inline constexpr std::chrono::milliseconds acl_kept = 1s;
inline constexpr std::size_t acls_kept_max = 10'000;

// --- HTTP -------------------------------------------------------------------

/// Request line and header lines together; a target alone may fill it.
inline constexpr std::size_t header_bytes_max = std::size_t{32} << 10;
inline constexpr std::size_t target_bytes_max = header_bytes_max;

/// The default of `--max-body`, and what it may be set to.
inline constexpr std::size_t body_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t body_setting_min = std::size_t{1} << 10;
inline constexpr std::size_t body_setting_max = std::size_t{64} << 20;

/// Bodies of all requests together that are not yet complete, or large and not
/// yet answered, and what clients sent behind a request that waits; over it a
/// request that needs more gets 503 + Retry-After.
inline constexpr std::size_t receiving_bytes_max = std::size_t{128} << 20;

/// Answers of all connections together that wait for clients that read slowly;
/// over it a large answer becomes 503 + Retry-After.
inline constexpr std::size_t sending_bytes_max = std::size_t{128} << 20;

/// Arrays and objects inside each other in a body that is read as JSON.
inline constexpr std::size_t json_depth_max = 64;

/// Connections at the same time; more are refused with 503.
inline constexpr std::size_t connections_max = 10'000;

/// TLS handshakes at the same time, of one thread; further connections wait in
/// the kernel until one is over.
inline constexpr std::size_t handshakes_max = 500;
inline constexpr std::chrono::milliseconds handshake_wait_max = 10s;

/// From one answer to the end of the next request's header (keep-alive).
inline constexpr std::chrono::milliseconds idle_wait_max = 75s;

/// From a request's first byte to the end of its header.
inline constexpr std::chrono::milliseconds header_wait_max = 10s;

/// From there to the end of its body: the grace, and a second more for each
/// `body_bytes_per_second` that came, but never more than the maximum.
inline constexpr std::chrono::milliseconds body_grace = 10s;
inline constexpr std::size_t body_bytes_per_second = 1024;
inline constexpr std::chrono::milliseconds body_wait_max = 5min;

/// From a complete request to its answer (a long poll adds its own time), and
/// for writing the answer.
inline constexpr std::chrono::milliseconds answer_wait_max = 10s;
inline constexpr std::chrono::milliseconds write_wait_max = 30s;

/// An answer that comes part by part ends after this at the latest.
inline constexpr std::chrono::milliseconds stream_time_max = 24h * 365;

/// Unread parts of such an answer, behind which nothing more is asked for.
inline constexpr std::size_t stream_unread_bytes_max = std::size_t{256} << 10;

/// Events of a group that are pushed to one client and not settled yet: what it
/// may ask for, and what it gets if it does not.
inline constexpr std::size_t push_credit_max = 1'000;
inline constexpr std::size_t push_credit_default = 20;

/// A pushing connection says so often that it is there.
inline constexpr std::chrono::milliseconds push_heartbeat = 15s;

/// The latest leases that a broken connection gives back.
inline constexpr std::size_t push_leases_max = 1'000;

/// A client that reads slowly gets the full time for writing again with so
/// much.
inline constexpr std::size_t write_progress_bytes = std::size_t{16} << 10;

/// Bytes of a connection that wait to be written; beyond it nothing more is
/// read.
inline constexpr std::size_t unwritten_bytes_max = std::size_t{64} << 10;

/// What a quiet connection may keep allocated, of each buffer.
inline constexpr std::size_t kept_buffer_bytes_max = 1024;

/// How long a client that was refused, or told goodbye, may go on sending
/// before it is cut off.
inline constexpr std::chrono::milliseconds linger_wait_max = 1s;

/// A stop waits this long for what is being answered. With the 1.5 s in which a
/// leader hands over it takes less than the five seconds that are promised.
inline constexpr std::chrono::milliseconds drain_wait_max = 3s;

// --- HTTP/2 -----------------------------------------------------------------

/// Requests of one connection at the same time; more are refused
/// (REFUSED_STREAM). As many again may have been given up by the client and
/// still be worked on.
inline constexpr std::size_t h2_streams_max = 128;

/// What a client may send ahead of one request's body, and of all of a
/// connection. Bodies have the bounds of HTTP/1 besides.
inline constexpr std::size_t h2_stream_window_bytes = std::size_t{256} << 10;
inline constexpr std::size_t h2_connection_window_bytes = std::size_t{1} << 20;

/// Streams that a client may reset, or make us reset: so many at once, and so
/// many more each second. Beyond it the connection ends (ENHANCE_YOUR_CALM).
inline constexpr std::size_t h2_resets_max = 200;
inline constexpr std::size_t h2_resets_per_second = 20;

/// The same for frames that carry nothing: PING, SETTINGS, PRIORITY, empty
/// DATA.
inline constexpr std::size_t h2_small_frames_max = 1000;
inline constexpr std::size_t h2_small_frames_per_second = 100;

/// Answers to PING and SETTINGS that wait to be written.
inline constexpr std::size_t h2_acks_max = 1000;

// --- the Barco dialect ------------------------------------------------------

/// UTF-8 bytes of a topic's name: one byte tells its length on the wire.
inline constexpr std::size_t topic_name_bytes_max = 255;

/// The default of `--barco-max-message`: the body of a producer's request. It
/// may be set to what fits into one event.
inline constexpr std::size_t barco_message_bytes_max = std::size_t{1} << 20;

/// The default of `--barco-consumer-timeout`, and what it may be set to.
inline constexpr std::chrono::milliseconds barco_consumer_wait_max = 120s;
inline constexpr std::chrono::milliseconds barco_consumer_wait_setting_max =
  24h;

} // namespace callboard::limits
