// A replay or discard as the body of its delayed message.
#pragma once

#include "actors/core/parked_job.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// Fits a row together with the names of a stream and a group, if the command
/// was accepted (`refusal_of`).
std::string encode(const parked_job& job);

/// Nothing if it is not one.
std::optional<parked_job> decode_parked_job(std::string_view body);

} // namespace callboard
