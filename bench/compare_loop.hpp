// One thread, many sockets: the loop under every broker that is compared.
#pragma once

#include "bench/compare_peer.hpp"
#include "bench/measures.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace callboard::bench {

/// A read and a write a turn and connection, whatever protocol is in them.
class event_loop {
public:
  event_loop();
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Connects to loopback; the peer has to be opened.
  peer& add(std::unique_ptr<peer> one, std::uint16_t port);

  /// Runs until `stop` or the end.
  void run_for(bench_clock::duration time);

  void stop() { stopped_ = true; }

  /// What calls from outside the loop's own callbacks wrote is sent.
  void flush();

  /// Called at `when`; one at a time.
  void call_at(bench_clock::time_point when, std::function<void()> what);

private:
  struct link {
    std::unique_ptr<peer> talk;
    int socket = -1;
    std::string in;
    std::size_t have = 0;
    std::size_t written = 0; // of talk->out
    bool waits_to_write = false;
  };

  void receive(link& one);
  void send(link& one);
  void watch(link& one, bool to_write, bool is_new);

  int poll_ = -1;
  int timer_ = -1;
  std::function<void()> at_timer_;
  std::vector<std::unique_ptr<link>> links_;
  bool stopped_ = false;
};

} // namespace callboard::bench
