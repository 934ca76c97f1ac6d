// A disk that forgets what was not flushed: what a folder may look like after a
// power loss.
#pragma once

#include "tests/power_loss/partition_model.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace callboard::test {

/// One thing that was done to the files under a folder. Paths are relative to
/// it; a file keeps its number when it is renamed.
struct disk_op {
  enum class kind : std::uint8_t {
    create,        // `path` is a new, empty file
    write,         // `bytes` at `offset`; not durable by itself
    write_through, // the same, durable when it returned (O_DSYNC)
    flush,         // every earlier write to the file is durable
    failed_flush,  // every earlier write that is not durable never will be
    rename,        // `path` becomes `target`
    exchange,      // they change places
    cut,         // the file ends at `offset`; nothing is written until a flush
    remove,      // `path` is gone
    sync_folder, // the names in the folder `path` are durable
    nothing,
  };

  kind what = kind::write;
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
  std::string bytes;
  std::string path;
  std::string target;
};

/// The files of a folder by path.
using disk_image = std::map<std::string, std::string>;

disk_image read_image(const std::filesystem::path& folder);

/// Makes the folder hold exactly these files.
void write_image(const disk_image& image, const std::filesystem::path& folder);

/// Replays operations and tells what may be left if the power fails then.
///
/// Kept: what was flushed. Of the rest each page of 4 KiB is lost, kept, kept
/// as it was after some of its writes, or torn: each of its sectors (512 bytes)
/// has another of these ages. Names become durable in order (as journaling file
/// systems have it), at the latest by a flush of their folder.
class disk {
public:
  /// Begins with durable files, numbered as `numbers_of` says.
  explicit disk(const disk_image& initial);

  static std::map<std::string, std::uint64_t>
  numbers_of(const disk_image& initial);

  void apply(const disk_op& op);

  /// What may be left now; `in_progress` may have happened partly.
  disk_image crash(random_source& random, const disk_op* in_progress) const;

private:
  struct pending_write {
    std::uint64_t offset = 0;
    std::string bytes;
  };

  struct file_state {
    std::string durable;
    std::vector<pending_write> pending;
    std::optional<std::uint64_t> cut; // after them
  };

  struct name_change {
    std::string folder;
    std::map<std::string, std::uint64_t> names; // all of them, afterwards
  };

  static std::string survivor(random_source& random, const file_state& file,
                              double kept);
  void change_names(const disk_op& op);

  std::map<std::uint64_t, file_state> files_;
  std::map<std::string, std::uint64_t> names_;         // as programs see them
  std::map<std::string, std::uint64_t> durable_names_; // as a crash leaves them
  std::vector<name_change> pending_names_;
};

} // namespace callboard::test
