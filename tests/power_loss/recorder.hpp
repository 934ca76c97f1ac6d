// Records what this process does to the files under a folder: system calls, in
// order.
#pragma once

#include "tests/power_loss/disk.hpp"
#include "tests/power_loss/faults.hpp"

#include <cstddef>
#include <filesystem>
#include <vector>

namespace callboard::test {

/// While one lives, every open, write, cut, flush, rename, exchange and removal
/// below the folder is recorded, whoever makes it: `recorder.cpp` defines the
/// system calls' names, so calls of the wal, of LMDB and of the standard
/// library all come through it. A call and its record are one step: the order
/// is exact. At most one lives at a time.
class recorder {
public:
  /// `folder` holds exactly `initial` now.
  recorder(std::filesystem::path folder, const disk_image& initial);
  ~recorder();
  recorder(const recorder&) = delete;
  recorder& operator=(const recorder&) = delete;

  /// How much was done so far. What a thread did before it asks is below it.
  std::size_t position() const;

  /// Fails calls from now on; their count begins again. As on Linux, what a
  /// failed flush should have written is gone: no later flush writes it.
  void fail(disk_fault what);
  void heal();

  /// Calls counted since the last `fail`, and how many of them failed.
  std::size_t calls() const;
  std::size_t failures() const;

  /// Ends the recording.
  std::vector<disk_op> take();
};

} // namespace callboard::test
