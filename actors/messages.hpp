// The one registration block: every type and atom that actors exchange.
#pragma once

#include "actors/core/all_requests.hpp"
#include "actors/core/consumer_requests.hpp"
#include "actors/core/delayed_requests.hpp"
#include "actors/core/error.hpp"
#include "actors/core/group_requests.hpp"
#include "actors/core/notices.hpp"
#include "actors/core/requests.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/error.hpp>
#include <caf/make_message.hpp>
#include <caf/sec.hpp>
#include <caf/type_id.hpp>

#include <memory>
#include <vector>

namespace callboard {

/// What a group wants its partition to record: its own changes, and links for
/// its parked stream, which only the partition can number. The names of its
/// streams are there if something is to be done to them.
struct proposal {
  std::vector<change> changes;
  std::string parked_stream;
  std::vector<new_event> parked;
  std::optional<event_number> cut_parked; // events below are gone
  bool removes = false;        // the group is erased, and these streams with it
  std::vector<notice> notices; // told by `$callboard-events`
  std::string kept_stream;     // of the same group
  std::vector<new_event> copies; // of what is parked ...
  event_number copies_from;      // ... from this number on
  bool wait = true; // false: reply as soon as it is queued (lazy leases)
};

/// A delayed message came, or (without a value) went.
struct delayed_change {
  wall_time due;
  delayed_id id;
  std::optional<delayed_message> put;
};

/// What became of a partition's delayed messages with one commit, in order: a
/// message may go and come again.
struct delayed_changes {
  partition_id partition;
  std::vector<delayed_change> changes;
};

/// A read for an actor that must not block: events [from, from + count) of a
/// stream, links resolved if asked for. Ends early at `bytes_max`.
struct range_request {
  partition_id partition;
  stream_id id;
  event_number from;
  std::size_t count = 0;
  std::size_t bytes_max = 0;
  bool resolve_links = false;
};

using resolved_events = std::vector<resolved_event>;

/// Consecutive events of one stream, at least one.
using event_run_ptr = std::shared_ptr<const std::vector<event_ptr>>;

} // namespace callboard

CAF_BEGIN_TYPE_ID_BLOCK(callboard_messages, caf::first_custom_type_id)

  CAF_ADD_TYPE_ID(callboard_messages, (callboard::all_page_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::all_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::append_reply))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::append_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::consumer_key))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::consumer_ref))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_changes))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_message))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delete_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delivery_batch_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::event_number))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::event_page_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::event_run_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::fetch_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::group_command))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::group_info))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::group_infos))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::group_key))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::join_reply))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::join_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::lease_id))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::log_index))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::login_reply))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::login_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::member_slices))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::open_readers))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::partition_id))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::password_proof))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::password_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::poll_reply_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::poll_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::proposal))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::range_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::read_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::group_reader))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::reader_id))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::resolved_events))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::scavenge_command))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::scavenge_status))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::settle_reply))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::settle_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::slice_poll))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::slice_reply_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::stream_description))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::stream_list_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::streams_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::bulk_command))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_command))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_detail_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_page_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_query))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::delayed_ref))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::explain_query))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::explanation_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::group_standing_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::lease_list_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::leases_query))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::parked_command))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::parked_page_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::parked_query))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::parked_reply))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::recurring_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::schedule_reply))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::schedule_request))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::settle_batch))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::settle_batch_reply_ptr))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::wall_time))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::user_command))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::user_infos))
  CAF_ADD_TYPE_ID(callboard_messages, (callboard::user_reply))

  CAF_ADD_ATOM(callboard_messages, callboard, append_atom, "append")
  CAF_ADD_ATOM(callboard_messages, callboard, assigned_atom, "assigned")
  CAF_ADD_ATOM(callboard_messages, callboard, await_atom, "await")
  CAF_ADD_ATOM(callboard_messages, callboard, cancel_atom, "cancel")
  CAF_ADD_ATOM(callboard_messages, callboard, commit_atom, "commit")
  CAF_ADD_ATOM(callboard_messages, callboard, command_atom, "command")
  CAF_ADD_ATOM(callboard_messages, callboard, delayed_atom, "delayed")
  CAF_ADD_ATOM(callboard_messages, callboard, delete_atom, "delete")
  CAF_ADD_ATOM(callboard_messages, callboard, describe_atom, "describe")
  CAF_ADD_ATOM(callboard_messages, callboard, failed_atom, "failed")
  CAF_ADD_ATOM(callboard_messages, callboard, fetch_atom, "fetch")
  CAF_ADD_ATOM(callboard_messages, callboard, fired_atom, "fired")
  CAF_ADD_ATOM(callboard_messages, callboard, flushed_atom, "flushed")
  CAF_ADD_ATOM(callboard_messages, callboard, groups_atom, "groups")
  CAF_ADD_ATOM(callboard_messages, callboard, hash_atom, "hash")
  CAF_ADD_ATOM(callboard_messages, callboard, info_atom, "info")
  CAF_ADD_ATOM(callboard_messages, callboard, join_atom, "join")
  CAF_ADD_ATOM(callboard_messages, callboard, leave_atom, "leave")
  CAF_ADD_ATOM(callboard_messages, callboard, login_atom, "login")
  CAF_ADD_ATOM(callboard_messages, callboard, offered_atom, "offered")
  CAF_ADD_ATOM(callboard_messages, callboard, open_atom, "open")
  CAF_ADD_ATOM(callboard_messages, callboard, poll_atom, "poll")
  CAF_ADD_ATOM(callboard_messages, callboard, propose_atom, "propose")
  CAF_ADD_ATOM(callboard_messages, callboard, published_atom, "published")
  CAF_ADD_ATOM(callboard_messages, callboard, read_atom, "read")
  CAF_ADD_ATOM(callboard_messages, callboard, release_atom, "release")
  CAF_ADD_ATOM(callboard_messages, callboard, restart_atom, "restart")
  CAF_ADD_ATOM(callboard_messages, callboard, scavenge_atom, "scavenge")
  CAF_ADD_ATOM(callboard_messages, callboard, settle_atom, "settle")
  CAF_ADD_ATOM(callboard_messages, callboard, tick_atom, "tick")
  CAF_ADD_ATOM(callboard_messages, callboard, touch_atom, "touch")
  CAF_ADD_ATOM(callboard_messages, callboard, user_atom, "user")
  CAF_ADD_ATOM(callboard_messages, callboard, users_atom, "users")
  CAF_ADD_ATOM(callboard_messages, callboard, visible_atom, "visible")
  CAF_ADD_ATOM(callboard_messages, callboard, explain_atom, "explain")
  CAF_ADD_ATOM(callboard_messages, callboard, parked_atom, "parked")
  CAF_ADD_ATOM(callboard_messages, callboard, leases_atom, "leases")
  CAF_ADD_ATOM(callboard_messages, callboard, schedule_atom, "schedule")
  CAF_ADD_ATOM(callboard_messages, callboard, why_atom, "why")
  CAF_ADD_ATOM(callboard_messages, callboard, wake_atom, "wake")

CAF_END_TYPE_ID_BLOCK(callboard_messages)

// These stay inside the process: copied by pointer, never serialised.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::all_page_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::all_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::append_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::append_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::consumer_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::consumer_ref)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_changes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delete_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delivery_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::event_page_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::event_run_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::fetch_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::group_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::group_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::group_infos)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::group_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::join_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::join_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::login_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::login_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::member_slices)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::open_readers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::password_proof)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::password_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::poll_reply_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::poll_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::proposal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::range_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::read_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::group_reader)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::resolved_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::scavenge_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::scavenge_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::settle_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::settle_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::slice_poll)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::slice_reply_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::stream_description)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::stream_list_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::streams_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::bulk_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_detail_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_page_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::delayed_ref)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::explain_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::explanation_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::group_standing_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::lease_list_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::leases_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::parked_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::parked_page_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::parked_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::parked_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::recurring_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::schedule_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::schedule_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::settle_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::settle_batch_reply_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::user_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::user_infos)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::user_reply)

CAF_ERROR_CODE_ENUM(callboard::errc, "callboard")

namespace callboard {

/// The one place where a CAF error becomes ours.
inline errc to_errc(const caf::error& error) {
  if (error.category() == caf::atom("callboard"))
    return static_cast<errc>(error.code());
  if (error == caf::sec::request_timeout)
    return errc::timed_out;
  return errc::unavailable; // the actor is down, or failed in the handler
}

} // namespace callboard
