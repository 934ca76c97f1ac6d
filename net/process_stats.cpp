// /proc and getrlimit.
#include "net/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace callboard {

namespace {

/// The fields of /proc/self/stat behind the name, which may hold anything. The
/// first one is field 3 of proc(5).
std::istringstream stat_fields() {
  std::ifstream file{"/proc/self/stat"};
  std::string line;
  std::getline(file, line);
  auto name_end = line.rfind(')');
  return std::istringstream{
    name_end == std::string::npos ? std::string{} : line.substr(name_end + 1)};
}

double boot_time_s() {
  std::ifstream file{"/proc/stat"};
  std::string word;
  double seconds = 0;
  while (file >> word)
    if (word == "btime")
      file >> seconds;
  return seconds;
}

void read_stat(process_stats& into) {
  auto fields = stat_fields();
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::string skipped;
  double user = 0;
  double system = 0;
  double start = 0;
  for (int field = 3; field <= 24 && fields; ++field)
    switch (field) {
      case 14: fields >> user; break;
      case 15: fields >> system; break;
      case 20: fields >> into.threads; break;
      case 22: fields >> start; break;
      case 23: fields >> into.virtual_bytes; break;
      case 24: fields >> into.resident_bytes; break;
      default: fields >> skipped;
    }
  into.cpu_s = (user + system) / ticks;
  into.started_s = boot_time_s() + start / ticks;
  into.resident_bytes *= static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void read_files(process_stats& into) {
  std::error_code ignored;
  for (std::filesystem::directory_iterator at{"/proc/self/fd", ignored}, end;
       at != end; at.increment(ignored))
    ++into.open_files;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    into.open_files_max = limit.rlim_cur;
}

void read_io(process_stats& into) {
  std::ifstream file{"/proc/self/io"};
  std::string name;
  std::uint64_t value = 0;
  while (file >> name >> value)
    if (name == "syscr:")
      into.reads = value;
    else if (name == "syscw:")
      into.writes = value;
    else if (name == "read_bytes:")
      into.read_bytes = value;
    else if (name == "write_bytes:")
      into.written_bytes = value;
}

void read_machine(process_stats& into) {
  std::ifstream memory{"/proc/meminfo"};
  std::string name;
  std::string rest;
  std::uint64_t kilobytes = 0;
  while (memory >> name >> kilobytes && std::getline(memory, rest)) {
    if (name == "MemTotal:")
      into.machine_memory_bytes = kilobytes * 1024;
    else if (name == "MemAvailable:")
      into.machine_free_bytes = kilobytes * 1024;
  }
  std::ifstream load{"/proc/loadavg"};
  load >> into.load_1m >> into.load_5m >> into.load_15m;
}

} // namespace

process_stats read_process_stats() {
  process_stats out;
  out.process_id = static_cast<std::uint64_t>(getpid());
  read_stat(out);
  read_io(out);
  read_files(out);
  read_machine(out);
  return out;
}

} // namespace callboard
