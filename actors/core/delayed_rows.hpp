// Some stored delayed messages that follow one another, damaged ones too.
#pragma once

#include "actors/core/record.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace callboard {

/// Where a delayed message lies in the order of all of its partition. It is the
/// key of its row, so it is known of a row that cannot be read.
using delayed_place = std::pair<wall_time, delayed_id>;

/// A slice of them in order: who walks over all goes on behind `last`, whatever
/// a disk has done to one of them.
struct delayed_rows {
  std::vector<delayed_message> rows;
  std::vector<delayed_place> damaged; // cannot be read
  std::size_t seen = 0;               // of both kinds
  delayed_place last;                 // of what was seen
};

} // namespace callboard
