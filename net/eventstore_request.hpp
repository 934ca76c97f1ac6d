// What the dialect's requests say in paths, queries and headers, checked.
#pragma once

#include "actors/core/ids.hpp"
#include "actors/core/requests.hpp"
#include "net/http.hpp"

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace callboard {

// Every refusal here carries the dialect's text where it has one, else one that
// names the field, what was found, and what is allowed.

/// A number in decimal digits, also with a sign; nothing for anything else.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// A name that a stream can be read by, written to (its metadata, say),
/// published to, or deleted by, `hard` or not: groups' own streams are not for
/// others.
accepted<void> check_readable_name(std::string_view stream);
accepted<void> check_writable_name(std::string_view stream);
accepted<void> check_publishable_name(std::string_view stream);
accepted<void> check_deletable_name(std::string_view stream, bool hard);

/// Names that a group can have.
accepted<void> check_group_names(const group_key& key);

/// A boolean header (`ES-`, `Kurrent-`); `absent` if it is not there.
accepted<bool> read_flag(const http_request& request, std::string_view suffix,
                         bool absent);

/// ES-RequireMaster, ES-RequireLeader: this node leads all it serves, so the
/// value has no effect, but it must be one.
accepted<void> check_leader_flags(const http_request& request);

/// ES-ExpectedVersion; -2 if it is not there.
accepted<std::int64_t> read_expected_version(const http_request& request);

/// How long a read may wait: ES-LongPoll in seconds, else `Prefer: wait=`; zero
/// if it is not to wait. Longer than `limits::poll_wait_max` is cut to that.
accepted<std::chrono::seconds> read_wait(const http_request& request);

/// An event number of a path; nothing for `head`.
accepted<std::optional<event_number>> read_event_number(std::string_view text,
                                                        bool head_allowed);

/// The count of a page of a stream, 1 to `limits::page_events_max`.
accepted<std::size_t> read_page_count(std::string_view text);

/// The count of a group read, 1 to `limits::fetch_count_max`.
accepted<std::size_t> read_message_count(std::string_view text);

/// A query parameter that counts, 1 to `most`; `absent` if it is not there.
accepted<std::size_t> read_count(const http_request& request,
                                 std::string_view name, std::size_t absent,
                                 std::size_t most);

/// Refuses what is in the query and not among `known`: for requests that would
/// do more than was meant if a name with a slip in it counted for nothing.
accepted<void> check_query_names(const http_request& request,
                                 std::initializer_list<std::string_view> known);

/// Ids of an ack or nack, separated by commas; or one that has commas itself.
accepted<std::vector<uuid>> read_event_ids(std::string_view text);

/// What a nack wants: `action=`, in any case; what is unknown is a retry.
settle_action read_action(std::string_view text) noexcept;

/// `delay=` of a nack: milliseconds, or whatever `parse_duration` reads.
accepted<std::chrono::milliseconds> read_delay(std::string_view text);

/// Whether If-None-Match names this tag (given without quotes).
bool tag_matches(const http_request& request, std::string_view e_tag);

/// Whether Accept is missing or lets everything pass.
bool accepts_anything(const http_request& request);

} // namespace callboard
