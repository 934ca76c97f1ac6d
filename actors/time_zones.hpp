// Time zones by name, from the database of the operating system.
#pragma once

#include "actors/core/recurrence.hpp"

#include <optional>
#include <string>

namespace callboard {

/// An IANA name ("Europe/Berlin"); empty: UTC. Nothing: there is no such zone,
/// or no database (package tzdata). Reads files the first time; any thread. The
/// database is the one of when the process started.
std::optional<time_zone> find_time_zone(const std::string& name);

} // namespace callboard
