// What delayed messages are called in URLs.
#pragma once

#include "actors/core/delayed_requests.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// `p2-` and the id of what is scheduled: of the event, of the schedule.
std::string scheduled_name(partition_id partition, const uuid& id);

/// The same for what is scheduled; all else is called as it is stored:
/// `p2-18c3f0a1b2c-1f`. Opaque to clients.
std::string delayed_name(const delayed_item& item);

/// (due, partition, id) as stored; also for pages.
std::string stored_name(partition_id partition, wall_time due, delayed_id id);

/// Nothing if the text is none of them.
std::optional<delayed_ref> parse_delayed_name(std::string_view text);

/// What a kind is called.
std::string_view name_of(delayed_kind kind) noexcept;
std::optional<delayed_kind> parse_kind(std::string_view name) noexcept;

/// What will happen, as a sentence.
std::string why_of(const delayed_message& what);

/// Whether clients may move it and take it away.
constexpr bool may_be_changed(delayed_kind kind) noexcept {
  return kind == delayed_kind::publish || kind == delayed_kind::recurring;
}

} // namespace callboard
