// What the operating system says about this process and its machine.
#pragma once

#include <cstdint>

namespace callboard {

/// A moment of the process; what cannot be read is 0. Linux only.
struct process_stats {
  std::uint64_t process_id = 0;
  double started_s = 0; // seconds since 1970
  double cpu_s = 0;     // user and system, all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t read_bytes = 0; // of disks, not of caches
  std::uint64_t written_bytes = 0;
  std::uint64_t reads = 0; // calls, of files and sockets
  std::uint64_t writes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  std::uint64_t machine_memory_bytes = 0;
  std::uint64_t machine_free_bytes = 0;
  double load_1m = 0;
  double load_5m = 0;
  double load_15m = 0;
};

process_stats read_process_stats();

} // namespace callboard
