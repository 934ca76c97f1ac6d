// Time zones by name, from the database of the operating system.
#pragma once

#include "actors/core/recurrence.hpp"

#include <optional>
#include <string>

namespace callboard {

/// An IANA name ("Europe/Berlin"); empty: UTC. Nothing: there is no such zone,
/// it cannot be read, or there is no database (package tzdata). Reads files the
/// first time, what it returns reads none; any thread. The database is the one
/// of when the process started.
std::optional<time_zone> find_time_zone(const std::string& name);

} // namespace callboard
