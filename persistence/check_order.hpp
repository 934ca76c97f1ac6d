// Whether the order of all events names each event of each stream once.
#pragma once

#include "actors/core/ids.hpp"
#include "persistence/check.hpp"
#include "persistence/database.hpp"

#include <cstdint>

namespace callboard {

/// Reads names and order of a partition and compares them with its streams:
/// what is wrong goes to `report.problems`. Returns how many runs there are.
std::uint64_t check_order(const transaction& view, partition_id p,
                          check_report& report);

} // namespace callboard
