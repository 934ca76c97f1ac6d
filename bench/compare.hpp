// What the scenarios of the comparison share: the broker that is loaded, what
// it costs, and connections that publish.
#pragma once

#include "bench/compare_loop.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace callboard::bench {

struct compare_target {
  std::string kind; // which protocol
  std::uint16_t port = 0;
  long pid = 0; // its CPU and memory count, and those of its descendants
  peer_settings settings;
};

std::unique_ptr<peer> make_peer(const compare_target& target);

/// Makes streams and groups, and waits until they are there.
void prepare(const compare_target& target);

/// Connects, and waits until all are ready. Ends the program after a minute.
std::vector<peer*> connect(event_loop& loop, const compare_target& target,
                           unsigned count);

/// CPU of the client and of the server between two moments.
class costs {
public:
  explicit costs(long pid);
  void end();

  double seconds = 0;
  double client_cpu = 0;
  double server_cpu = 0;

  /// The end of the line that a scenario prints; CPU in microseconds each.
  std::string text(double messages, long pid) const;

private:
  long pid_;
  bench_clock::time_point begun_;
};

std::int64_t stamp_of(bench_clock::time_point at);

/// Connections that publish, each one request at a time: in a closed loop, or
/// at a rate, each then with the moment it was meant for.
class publishers {
public:
  publishers(event_loop& loop, const compare_target& target,
             unsigned connections, unsigned batch);

  /// Up to `most` messages, then `on_done`; `rate` a second, or 0.
  void start(double rate, std::uint64_t most);

  void stop() { most_ = 0; }

  std::function<void()> on_done;
  latencies took;
  std::uint64_t confirmed = 0;
  std::uint64_t sent = 0;

private:
  struct slot {
    peer* to = nullptr;
    unsigned pending = 0;
    bench_clock::time_point meant;
  };

  void send(slot& one, bench_clock::time_point meant);
  void on_confirmed(slot& one, unsigned count);
  void tick();

  event_loop& loop_;
  unsigned batch_;
  std::deque<slot> slots_;
  std::vector<slot*> free_;
  std::deque<bench_clock::time_point> due_; // all were busy then
  double rate_ = 0;
  std::uint64_t most_ = 0;
  std::uint64_t ticks_ = 0;
  bench_clock::time_point begun_;
};

// Each prints one line, a JSON object, and returns the program's exit code.
int compare_publish(const compare_target& target, int argc, char** argv);
int compare_consume(const compare_target& target, int argc, char** argv);
int compare_flow(const compare_target& target, int argc, char** argv);
int compare_delayed(const compare_target& target, int argc, char** argv);

} // namespace callboard::bench
