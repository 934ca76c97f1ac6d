// Ids that we choose: of requests, and of events that came without one.
#pragma once

#include "actors/core/ids.hpp"

namespace callboard {

/// A random id (RFC 9562, version 4); nobody can guess the next one. Any
/// thread.
uuid random_uuid();

} // namespace callboard
