// What the load clients measure: latencies, and what a process costs.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace callboard::bench {

using bench_clock = std::chrono::steady_clock;

/// Latencies in microseconds; sorted when asked.
class latencies {
public:
  void add(bench_clock::duration d) {
    us_.push_back(std::uint32_t(d / std::chrono::microseconds{1}));
  }

  double ms(double share) {
    if (us_.empty())
      return 0;
    std::sort(us_.begin(), us_.end());
    auto at = std::min(us_.size() - 1, std::size_t(double(us_.size()) * share));
    return us_[at] / 1000.0;
  }

  std::size_t size() const { return us_.size(); }

private:
  std::vector<std::uint32_t> us_;
};

/// User and system time of a process, all threads.
inline double cpu_seconds(long pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(in, text);
  unsigned long user = 0;
  unsigned long system = 0;
  auto name_end = text.rfind(')');
  if (name_end == std::string::npos
      || std::sscanf(text.c_str() + name_end + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                     &user, &system)
           != 2)
    return 0;
  return double(user + system) / double(sysconf(_SC_CLK_TCK));
}

/// Resident memory of a process in MB.
inline double rss_mb(long pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/statm"};
  double pages = 0;
  in >> pages >> pages;
  return pages * double(sysconf(_SC_PAGESIZE)) / 1e6;
}

} // namespace callboard::bench
