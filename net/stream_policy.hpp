// What the metadata of a stream says.
#pragma once

#include "actors/core/record.hpp"

namespace callboard {

/// What the newest event of a metadata stream says (spec 6.9). What cannot be
/// read, or has a value that is not allowed, says nothing at all.
stream_policy parse_stream_policy(const new_event& e);

} // namespace callboard
