// Small JSON of our own: texts and times in it.
#pragma once

#include "actors/core/ids.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// The text in quotes, escaped; always on one line.
std::string json_text(std::string_view text);

/// What `json_text` made of a text at the front of `json`; nothing behind it
/// matters. Empty if it is not one.
std::string read_json_text(std::string_view json);

/// `2026-01-31T12:00:00.000+00:00`.
std::string iso_time(wall_time at);

} // namespace callboard
