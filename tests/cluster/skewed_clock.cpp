// A wall clock that is CLOCK_SKEW_S seconds ahead, for a process that preloads this; its monotonic clock is the machine's.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

extern "C" int clock_gettime(clockid_t which, timespec* out) noexcept {
  auto done = int(syscall(SYS_clock_gettime, which, out));
  auto* ahead = std::getenv("CLOCK_SKEW_S");
  if (done == 0 && which == CLOCK_REALTIME && ahead != nullptr)
    out->tv_sec += std::atoll(ahead);
  return done;
}
