// What one entry of the replicated log holds: what the journal took at once.
#pragma once

#include "actors/core/error.hpp"
#include "persistence/journal.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// An entry of a partition as it lies in a batch.
struct batch_entry {
  partition_id partition;
  log_index index;
  std::string_view body;
};

/// A version, then `{partition, index, body}...`.
std::string encode_batch(std::span<const journal_entry> entries);

/// The views point into `bytes`. Errors: corrupt, unknown_format.
result<std::vector<batch_entry>> decode_batch(std::string_view bytes);

} // namespace callboard
