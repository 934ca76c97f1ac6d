// A recorded life of a node: what it did to the disk, and what it promised
// when.
#pragma once

#include "tests/power_loss/disk.hpp"
#include "tests/power_loss/small_node.hpp"

#include <string>
#include <vector>

namespace callboard::test {

/// A partition's records from a base on.
struct partition_history {
  partition_model base;
  std::vector<record> records; // the first one has index base.applied() + 1

  /// The partition at an index, which it reached. Not const-folded: small.
  partition_model at(log_index index) const;

  log_index end() const { return {base.applied().value + records.size()}; }
};

/// Entries of a partition up to `index` were acknowledged when `position`
/// operations were done.
struct acknowledgement {
  std::size_t position = 0;
  partition_id partition;
  log_index index;
};

struct recorded_life {
  disk_image initial;
  std::vector<partition_history> partitions;
  std::vector<disk_op> ops;
  std::vector<acknowledgement> acknowledged;

  /// The least index of the partition that must be there after a power loss
  /// when `position` operations were done.
  log_index promised(partition_id p, std::size_t position) const;
};

struct workload_options {
  small_node_options node; // its folder: scratch space
  std::size_t records = 400;
  bool stop_cleanly = false; // else like kill -9: what is queued is flushed
};

/// Starts a node on `initial`, whose partitions are `bases` (none: a new
/// folder), and appends random records, with flushes of LMDB in between.
/// Throws if the node cannot be opened or gets stuck.
recorded_life live(random_source& random, const workload_options& options,
                   const disk_image& initial,
                   const std::vector<partition_model>& bases);

/// What a start makes of a folder that a life left behind.
enum class finding : std::uint8_t {
  right,              // all that was promised, and nothing that was not written
  refused_as_corrupt, // it does not start, and says so
  refused,            // it does not start, for another reason
  read_as_corrupt,    // a read says that it is damaged
  unreadable,         // a read fails for another reason
  short_of_promise,   // what is there is right, but entries are missing
  wrong,              // something else is read than was written
};

struct inspection {
  finding what = finding::right;
  std::string text;
  std::vector<partition_model> partitions; // as they are now, if all is right
  std::uint64_t promised = 0;              // entries, of all partitions
  std::uint64_t found = 0;
};

/// Starts a node on the options' folder and reads everything.
inspection inspect(const recorded_life& life, std::size_t position,
                   const small_node_options& options);

} // namespace callboard::test
