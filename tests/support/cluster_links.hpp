// Nodes of a cluster in one process: links over loopback, and what they saw.
#pragma once

#include "net/cluster_link.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

inline boost::asio::ip::tcp::endpoint loopback(unsigned number,
                                               std::uint16_t port = 0) {
  return {boost::asio::ip::address_v4{0x7f000000 + number}, port};
}

/// Options with short times, for node `id` at 127.0.0.`id`.
inline cluster_link_options link_options(node_id id) {
  using namespace std::chrono_literals;
  cluster_link_options out;
  out.self = id;
  out.cluster = "testing";
  out.secret = "a secret that only the nodes know";
  out.hello = "I am " + std::to_string(id);
  out.listen = loopback(unsigned(id));
  out.keep_alive_interval = 50ms;
  out.retry_wait_max = 100ms;
  return out;
}

/// A link that remembers what its events said.
class seen_link {
public:
  struct frame {
    node_id from = 0;
    std::uint8_t kind = 0;
    std::string body;
  };

  explicit seen_link(cluster_link_options options)
      : link(std::move(options), events()) {}

  cluster_peer as_peer(node_id id) const {
    auto at = link.endpoint();
    return {id, at.address().to_string(), at.port()};
  }

  /// Waits until `holds` (called under the lock), at most 10 seconds.
  template <class F>
  bool wait(F holds) {
    return wait_for(std::chrono::seconds{10}, holds);
  }

  template <class F>
  bool wait_for(std::chrono::milliseconds at_most, F holds) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, at_most, holds);
  }

  /// Both connections to each of these stand.
  bool wait_up(std::size_t peers) {
    return wait([&, this] {
      std::size_t both = 0;
      for (auto& [id, connections] : up)
        both += connections == 2 ? 1 : 0;
      return both == peers;
    });
  }

  bool wait_frames(std::size_t count) {
    return wait([&, this] { return frames.size() >= count; });
  }

  cluster_link_status status_of(node_id id) const {
    for (auto& one : link.status())
      if (one.peer.id == id)
        return one;
    return {};
  }

  std::mutex mutex; // of what follows
  std::condition_variable changed;
  std::map<node_id, int> up;
  std::map<node_id, std::string> hellos;
  std::atomic<int> downs = 0;
  std::vector<frame> frames;

  cluster_link link; // last: ends first

private:
  cluster_link_events events() {
    cluster_link_events out;
    out.up = [this](node_id id, const std::string& hello) {
      std::lock_guard lock{mutex};
      ++up[id];
      hellos[id] = hello;
      changed.notify_all();
    };
    out.down = [this](node_id id) {
      std::lock_guard lock{mutex};
      --up[id];
      ++downs;
      changed.notify_all();
    };
    out.received = [this](node_id id, std::uint8_t kind, std::string body) {
      std::lock_guard lock{mutex};
      frames.push_back({id, kind, std::move(body)});
      changed.notify_all();
    };
    return out;
  }
};

/// Polls `holds` for at most 10 seconds, for what no event tells.
template <class F>
bool eventually(F holds) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock{mutex};
  for (int i = 0; i < 2'000; ++i) {
    if (holds())
      return true;
    never.wait_for(lock, std::chrono::milliseconds{5});
  }
  return false;
}

} // namespace callboard::test
