// When something is to happen, as requests say it: `Delay`, `Deliver-At`.
#pragma once

#include "actors/core/delayed_requests.hpp"
#include "net/http.hpp"

#include <optional>
#include <string_view>

namespace callboard {

/// A duration (`core/time_text.hpp`) of at most `limits::delay_max`; `name` is what
/// the refusal calls it.
accepted<due_time> read_delay_of(std::string_view name, std::string_view text);

/// A moment, ISO 8601 with its zone.
accepted<wall_time> read_moment(std::string_view name, std::string_view text);

/// The header `Delay` or `Deliver-At`; nothing if there is neither.
accepted<std::optional<due_time>> read_due(const http_request& request);

/// The text of a 400 for what lies beyond `limits::delay_max`.
std::string_view too_far() noexcept;

} // namespace callboard
