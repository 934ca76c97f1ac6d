// Every actor: the messages it takes, what it replies, the state it owns.
#pragma once

#include "actors/messages.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <vector>

namespace callboard {

/// Owns the order of one partition: decides appends, numbers events, writes the
/// records of its groups, applies what the journal has flushed, then replies.
/// Spawns a group's actor when it is first needed and hands requests on to it.
/// Errors of every request: overloaded, storage_full, storage_failed,
/// unavailable (the outcome is unknown, or the partition is being rebuilt).
using partition_actor = caf::typed_actor<
  // Appends events. Replies once they are on disk and readable, or with the
  // reason of a refusal.
  caf::replies_to<append_atom, append_request>::with<append_reply>,
  // Deletes a stream. Replies when that is on disk. `append_reply::current` as
  // for an append.
  caf::replies_to<delete_atom, delete_request>::with<append_reply>,
  // Reads a page of what is committed.
  caf::replies_to<read_atom, read_request>::with<event_page_ptr>,
  // What is known of a stream.
  caf::replies_to<describe_atom, std::string>::with<stream_description>,
  // Waits until the stream has an event with this number, is deleted, or so
  // many milliseconds are over; replies with its next number. The session can
  // be cancelled. The stream `$all` here is this partition's part of it, and
  // its event numbers are the times of the records that append events.
  // `no_event` waits for the time alone.
  caf::replies_to<await_atom, std::string, event_number, std::uint64_t,
                  std::uint64_t>::with<event_number>,
  // Replies once everything that was decided up to that time, which must be
  // over, is readable. Nothing more will be recorded with such a time.
  caf::replies_to<visible_atom, wall_time>::with<bool>,
  // Creates, updates, removes a group, or replays its parked events. Replies
  // when that is on disk. Errors: not_found, already_exists.
  caf::replies_to<command_atom, group_command>::with<group_info>,
  // Leases events. Replies once the leases are on disk (group setting
  // `durability`). Errors: not_found.
  caf::replies_to<fetch_atom, fetch_request>::with<delivery_batch_ptr>,
  // Settles events or gives them back. Replies once that is on disk.
  // Errors: not_found (no such group).
  caf::replies_to<settle_atom, settle_request>::with<settle_reply>,
  // The same for what goes beyond the dialects; each has errors not_found.
  // Settles, and leases what comes next: one record. Replies once it is on disk
  // and, with `next`, once something was leased or its time is over.
  caf::replies_to<settle_atom, settle_batch>::with<settle_batch_reply_ptr>,
  // Who holds what.
  caf::replies_to<leases_atom, leases_query>::with<lease_list_ptr>,
  // Why nothing is delivered.
  caf::replies_to<why_atom, group_key>::with<group_standing_ptr>,
  // What became of an event.
  caf::replies_to<explain_atom, explain_query>::with<explanation_ptr>,
  // What is parked; and what is to be done with it.
  caf::replies_to<parked_atom, parked_query>::with<parked_page_ptr>,
  caf::replies_to<parked_atom, parked_command>::with<parked_reply>,
  // Schedules events; or what recurs. Replies when that is on disk.
  caf::replies_to<schedule_atom, schedule_request>::with<schedule_reply>,
  caf::replies_to<schedule_atom, recurring_request>::with<schedule_reply>,
  // Changes what is scheduled. Replies when that is on disk.
  caf::replies_to<delayed_atom, delayed_command>::with<schedule_reply>,
  // Begins to change all that a filter lets through. Replies when it is on disk
  // that this will be done. Errors: too_many_in_flight.
  caf::replies_to<delayed_atom, bulk_command>::with<schedule_reply>,
  // One group; this is a measurement. Errors: not_found.
  caf::replies_to<info_atom, group_key>::with<group_info>,
  // All groups of a stream, or of the partition if the name is empty; this is a
  // measurement.
  caf::replies_to<groups_atom, std::string>::with<group_infos>,
  // All groups of the partition, and no measurement.
  caf::replies_to<describe_atom>::with<group_infos>,
  // Ends the actors of all groups: each is built from its rows when it is next
  // needed. Who waits gets an empty answer. Replies when they have ended.
  caf::replies_to<restart_atom>::with<bool>,
  // The session does not wait any more: its fetch or await is answered with
  // nothing, unless something is on its way to it already.
  caf::reacts_to<cancel_atom, group_key, std::uint64_t>,
  // A lease never reached its consumer: its events go back, as if it had not
  // been made.
  caf::reacts_to<release_atom, group_key, lease_id>,
  // From a group: tell it once the stream ends behind this number; it is
  // offered what is published until then.
  caf::reacts_to<await_atom, group_key, event_number>,
  // From a group: record this. Replies with its index in the log once it is on
  // disk and applied.
  caf::replies_to<propose_atom, proposal>::with<log_index>,
  // From the timer: a delayed message is due. Replies with true once it was
  // taken over; an error makes the timer offer it again.
  caf::replies_to<fired_atom, delayed_message>::with<bool>,
  // A consumer group begins to read streams. Replies when that is on disk;
  // streams that it reads already stay where they are.
  caf::replies_to<open_atom, open_readers>::with<bool>,
  // What comes next for a reader of a consumer group. Replies once what it was
  // handed before is committed on disk.
  caf::replies_to<poll_atom, slice_poll>::with<slice_reply_ptr>,
  // What a reader was handed is processed. Replies when that is on disk.
  caf::replies_to<commit_atom, group_reader>::with<bool>,
  // What a reader was handed never reached it: it comes again.
  caf::reacts_to<release_atom, group_reader>,
  // Partition 0 only: changes a user, or tells why not. Replies when that is on
  // disk.
  caf::replies_to<user_atom, user_command>::with<user_reply>,
  // Partition 0 only: the user with this login, or all if it is empty, by
  // login.
  caf::replies_to<users_atom, std::string>::with<user_infos>,
  // From the journal: everything up to an index is on disk.
  caf::reacts_to<flushed_atom, log_index>,
  // From the journal: what came after the last flushed entry is lost.
  caf::reacts_to<failed_atom, caf::error>,
  // Internal: the next slice of delayed messages is to be counted.
  caf::reacts_to<tick_atom>,
  // Internal: the earliest deadline of those who wait may have come.
  caf::reacts_to<wake_atom, std::uint64_t>>;

/// Serves one group on one partition: leases, attempts, retries, parking, and
/// the fetches that wait. All decisions are in `core/subscription`.
using group_actor = caf::typed_actor<
  caf::replies_to<fetch_atom, fetch_request>::with<delivery_batch_ptr>,
  caf::replies_to<settle_atom, settle_request>::with<settle_reply>,
  caf::replies_to<settle_atom, settle_batch>::with<settle_batch_reply_ptr>,
  caf::replies_to<leases_atom, leases_query>::with<lease_list_ptr>,
  caf::replies_to<why_atom, group_key>::with<group_standing_ptr>,
  caf::replies_to<explain_atom, explain_query>::with<explanation_ptr>,
  caf::replies_to<parked_atom, parked_query>::with<parked_page_ptr>,
  caf::replies_to<parked_atom, parked_command>::with<parked_reply>,
  caf::replies_to<command_atom, group_command>::with<group_info>,
  caf::replies_to<info_atom, group_key>::with<group_info>,
  caf::replies_to<describe_atom, group_key>::with<group_info>,
  caf::reacts_to<cancel_atom, group_key, std::uint64_t>,
  caf::reacts_to<release_atom, group_key, lease_id>,
  caf::replies_to<fired_atom, delayed_message>::with<bool>,
  // The stream now ends before this number; nothing below `first` is readable.
  // Told to who awaits it, and when `first` has moved.
  caf::reacts_to<published_atom, event_number, event_number>,
  // These events are on their way to the disk. What is recorded from now on
  // comes behind them in the log: they can be leased before they are flushed.
  caf::reacts_to<offered_atom, event_run_ptr>,
  // Answer who waits with nothing, and end: the rows have it all.
  caf::reacts_to<restart_atom>,
  // The group's rows are gone, or cannot be recorded: answer who waits, end.
  caf::reacts_to<failed_atom, caf::error>,
  // Internal: once a second while somebody waits: is there progress?
  caf::reacts_to<tick_atom>,
  // Internal: the earliest deadline of those who wait may have come.
  caf::reacts_to<wake_atom, std::uint64_t>>;

/// Serves one consumer group on one partition: where it stands in each stream,
/// and what it was handed. All decisions are in `core/reader_positions`.
using consumer_group_actor = caf::typed_actor<
  caf::replies_to<open_atom, open_readers>::with<bool>,
  caf::replies_to<poll_atom, slice_poll>::with<slice_reply_ptr>,
  caf::replies_to<commit_atom, group_reader>::with<bool>,
  caf::reacts_to<release_atom, group_reader>,
  // Its rows cannot be recorded, or it makes room: answer who waits, end.
  caf::reacts_to<failed_atom, caf::error>>;

/// A registered consumer: asks the partitions that it was dealt, one poll after
/// the other. Ends when it is not registered any more.
using consumer_actor = caf::typed_actor<
  // Errors: overloaded, unavailable, storage_failed, corrupt; not_found: it is
  // not registered any more.
  caf::replies_to<poll_atom, poll_request>::with<poll_reply_ptr>,
  // Replies when what the reader was handed is committed on disk.
  caf::replies_to<commit_atom, reader_id>::with<bool>,
  // Registered anew: who polls without saying as which registration.
  caf::reacts_to<join_atom, reader_id>,
  // What it reads from now on.
  caf::reacts_to<assigned_atom, member_slices>,
  // The client of a poll went away: what it would get comes again.
  caf::reacts_to<cancel_atom, std::uint64_t>,
  // It is not registered any more: answer who waits, end.
  caf::reacts_to<failed_atom, caf::error>>;

/// Who consumes topics: registers, deals out partitions, hands requests on to
/// the consumers' actors. All decisions are in `core/membership`; the rows lie
/// in partition 0. Errors of every request: overloaded, unavailable, and those
/// of the partitions.
using membership_actor = caf::typed_actor<
  // Replies when the registration is on disk and in force, and with it where
  // its group begins to read.
  caf::replies_to<join_atom, join_request>::with<join_reply>,
  // Errors: not_found (not registered).
  caf::replies_to<poll_atom, poll_request>::with<poll_reply_ptr>,
  caf::replies_to<commit_atom, consumer_ref>::with<bool>,
  // Commits if asked to, and takes the consumer out of its group, unless it is
  // registered on another connection too.
  caf::replies_to<leave_atom, consumer_ref, bool>::with<bool>,
  // A sign of life. Replies whether the consumer is registered.
  caf::replies_to<touch_atom, consumer_key>::with<bool>,
  // The client of a poll went away.
  caf::reacts_to<cancel_atom, consumer_key, std::uint64_t>,
  // From partition 0.
  caf::replies_to<fired_atom, delayed_message>::with<bool>,
  // Internal: reads the stored consumers.
  caf::reacts_to<wake_atom>>;

/// A consumer that waits (long poll): asks the group or the stream, and takes
/// itself back when its client goes away. Lives for one poll.
using session_actor = caf::typed_actor<
  // Starts the poll; it waits for as long as the request says. Replies with
  // what was delivered, or empty when the time is over.
  caf::replies_to<fetch_atom, fetch_request>::with<delivery_batch_ptr>,
  // Waits for an event number of a stream, or of `$all` in any partition, at
  // most so many milliseconds; replies with the stream's next number.
  caf::replies_to<await_atom, std::string, event_number,
                  std::uint64_t>::with<event_number>,
  // The client went away.
  caf::reacts_to<cancel_atom>>;

/// Reads what is not in memory. Spawned detached: LMDB may wait for the disk.
using reader_actor = caf::typed_actor<
  caf::replies_to<read_atom, read_request, partition_id>::with<event_page_ptr>,
  caf::replies_to<read_atom, range_request>::with<resolved_events>,
  caf::replies_to<users_atom, std::string>::with<user_infos>,
  // Everything up to `until` is readable.
  caf::replies_to<read_atom, all_request>::with<all_page_ptr>,
  caf::replies_to<read_atom, streams_request>::with<stream_list_ptr>,
  // A page of the delayed messages of all partitions.
  caf::replies_to<delayed_atom, delayed_query>::with<delayed_page_ptr>,
  // One of them, or null.
  caf::replies_to<delayed_atom, delayed_ref>::with<delayed_detail_ptr>>;

/// Hands out delayed messages when they are due; keeps the next minute's in
/// memory, the rest stays in LMDB.
using timer_actor = caf::typed_actor<
  // Delayed messages came and went with a commit.
  caf::reacts_to<delayed_atom, delayed_changes>,
  // Internal: the earliest due time may have come.
  caf::reacts_to<wake_atom, std::uint64_t>>;

/// Proves who a user is, and slows down who guesses. Spawned detached: a
/// password takes tens of milliseconds to check, on purpose.
using login_actor = caf::typed_actor<
  // Checks a login.
  caf::replies_to<login_atom, login_request>::with<login_reply>,
  // Compares and hashes the passwords of a command.
  caf::replies_to<hash_atom, password_request>::with<password_proof>>;

/// Erases what retention and deletes have cut, a slice after the other, so that
/// the flusher is never kept waiting for long. Spawned detached: LMDB blocks.
using scavenger_actor = caf::typed_actor<
  // Starts, stops, or only tells. Errors: already_exists (one runs),
  // not_found (none runs, or another one).
  caf::replies_to<scavenge_atom, scavenge_command>::with<scavenge_status>,
  // Internal: the next slice.
  caf::reacts_to<tick_atom>>;

/// Answers what concerns all partitions, and tells the log what an operator
/// should know.
using broker_actor = caf::typed_actor<
  // The groups of all partitions, ordered by stream name; a measurement.
  caf::replies_to<groups_atom>::with<group_infos>,
  // The same, and no measurement.
  caf::replies_to<describe_atom>::with<group_infos>,
  // Has every group built from its rows again. Replies when that has begun.
  caf::replies_to<restart_atom>::with<bool>,
  // A page of all events, with everything in it whose publishing was answered
  // before; what is published later comes behind it.
  caf::replies_to<read_atom, all_request>::with<all_page_ptr>,
  // The streams of all partitions.
  caf::replies_to<read_atom, streams_request>::with<stream_list_ptr>,
  // Delayed messages: a page of all, or one of them (null: there is none).
  caf::replies_to<delayed_atom, delayed_query>::with<delayed_page_ptr>,
  caf::replies_to<delayed_atom, delayed_ref>::with<delayed_detail_ptr>,
  // Internal: time has passed for reads that wait for it.
  caf::reacts_to<wake_atom>,
  // Internal: once a second: does the clock run, can everything be recorded?
  caf::reacts_to<tick_atom>>;

/// Where requests go.
struct routing_table {
  std::vector<partition_actor> partitions; // by partition number
};

} // namespace callboard
