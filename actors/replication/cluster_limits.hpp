// Bounds of what the nodes of a cluster hold, send and wait for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace callboard::limits {

using namespace std::chrono_literals;

/// Nodes of a cluster, and how many of them vote.
inline constexpr std::size_t cluster_nodes_max = 9;
inline constexpr std::size_t cluster_voters_max = 5;

/// Of a node's `host:port` in the configuration.
inline constexpr std::size_t member_address_bytes_max = 300;

/// A change of members that does not get on for so long has failed; it can be
/// asked for again.
inline constexpr std::chrono::milliseconds member_change_wait_max = 3min;

/// A leader that shall not lead tries again to find another one.
inline constexpr std::chrono::milliseconds drain_retry_interval = 1s;

/// A disk that has not done what was asked of it for so long does not answer.
inline constexpr std::chrono::milliseconds disk_silence_max = 3s;

/// For so long a leader may be unable to do its work before it looks for
/// another one; after each try twice as long.
inline constexpr std::chrono::milliseconds lead_patience_min = 1s;
inline constexpr std::chrono::milliseconds lead_patience_max = 60s;

/// A node that was removed is told so for that long, then it is shut out.
inline constexpr std::chrono::milliseconds farewell_wait = 2s;

/// A follower that hears nothing from a leader for so long, and up to twice
/// that, asks for votes.
inline constexpr std::chrono::milliseconds election_timeout = 500ms;
inline constexpr std::chrono::milliseconds heartbeat_interval = 100ms;

/// A leader without its majority keeps at most so many entries that nobody has:
/// a follower's log is compared one entry a round trip.
inline constexpr std::size_t uncommitted_entries_max = 256;

/// Entries sent to a follower and not answered yet.
inline constexpr std::size_t in_flight_entries_max = 256;

/// A member is close if it lacks no more entries than this: configurations
/// change only among members that are.
inline constexpr std::size_t close_entries_max = 64;

/// Steps that wait for a disk, and messages that wait for a step. A member
/// whose disk is stuck drops what it hears beyond that.
inline constexpr std::size_t storage_steps_max = 1024;
inline constexpr std::size_t deferred_messages_max = 1024;

/// An installation of a snapshot may take so long before it is begun anew.
/// One that a follower knows nothing of is noticed at the next heartbeat.
inline constexpr std::chrono::milliseconds install_timeout = 4h;

/// Entries of one message to a follower have together, unless one alone is
/// larger.
inline constexpr std::size_t replication_bytes_max = std::size_t{1} << 20;

/// Newest entries that are kept in memory for followers that lag.
inline constexpr std::size_t tail_entries_max = 20'000;
inline constexpr std::size_t tail_bytes_max = std::size_t{64} << 20;

/// Files of the log that are kept for followers that lag, unless it is set.
inline constexpr std::uint64_t wal_keep_bytes = std::uint64_t{1} << 30;

/// What is read from them and not sent to all that lack it; and what is sent to
/// one follower at once, which bounds how long the others wait for a heartbeat.
/// So many entries may be in flight that they have about half as many bytes.
inline constexpr std::size_t catch_up_bytes_max = std::size_t{64} << 20;
inline constexpr std::size_t catch_up_burst_bytes_max = std::size_t{8} << 20;

/// Of one batch of the journal, unless a record alone is larger; and what a
/// leader has submitted and is not committed yet.
inline constexpr std::size_t batch_bytes_max = std::size_t{4} << 20;
inline constexpr std::size_t in_flight_bytes_max = std::size_t{64} << 20;

/// The member file is written once for so many bytes that LMDB got.
inline constexpr std::size_t base_bytes_min = std::size_t{8} << 20;

// --- forwarding requests to the leader --------------------------------------

/// Requests that one io thread forwards at the same time, those included that
/// wait for a leader, and their bytes; as many again it serves for others.
/// Over it clients get 503 + Retry-After.
inline constexpr std::size_t forwarded_requests_max = 16'384;
inline constexpr std::size_t forwarded_bytes_max = std::size_t{64} << 20;

/// One forwarded request, or its answer: less than what a link lets wait.
inline constexpr std::size_t forwarded_message_bytes_max = std::size_t{40}
                                                           << 20;

/// How long a request waits for a leader, and after how long it is offered
/// again to one that did not take it.
inline constexpr std::chrono::milliseconds leader_wait_max = 5s;
inline constexpr std::chrono::milliseconds forward_retry_interval = 50ms;

/// How long a leader that is one no more may take to say what it did with a
/// request.
inline constexpr std::chrono::milliseconds verdict_wait_max = 100ms;

/// How long a request waits for the next leader at a node that stops.
inline constexpr std::chrono::milliseconds stopping_wait_max = 2s;

/// From handing a request over to its answer (a long poll adds its own time):
/// longer than what clients are made to wait, so this ends only what has no
/// client, or whose answer was lost.
inline constexpr std::chrono::milliseconds forwarded_wait_max = 15s;

/// Clients of other nodes that one io thread keeps state for.
inline constexpr std::size_t forwarded_clients_max = 50'000;

/// Answers to other nodes that one io thread remembers until it hears whether
/// they reached their clients.
inline constexpr std::size_t unconfirmed_answers_max = 4'096;

// --- the store of a leader for a node that lags -----------------------------

/// Of one frame, how many of them are asked for ahead, and how many may wait.
inline constexpr std::size_t snapshot_piece_bytes = std::size_t{1} << 20;
inline constexpr std::size_t snapshot_pieces_ahead = 4;
inline constexpr std::size_t snapshot_frames_max = 64;

/// A node asks again if nothing comes for so long. Longer than a copy takes to
/// make, unless the store is very large.
inline constexpr std::chrono::milliseconds snapshot_wait_max = 5s;

/// A copy that nobody asks for is removed.
inline constexpr std::chrono::milliseconds copy_kept = 30s;

/// After a copy that could not be made the next one waits, twice as long each
/// time.
inline constexpr std::chrono::milliseconds copy_retry_min = 10s;
inline constexpr std::chrono::milliseconds copy_retry_max = 4min;

} // namespace callboard::limits
