// The frames that wait for one peer.
#pragma once

#include "net/cluster_frames.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace callboard {

/// Filled by any thread, emptied by the link's. Takes frames only while it is
/// open, which it is as long as there is a connection.
class cluster_outbox {
public:
  explicit cluster_outbox(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  enum class pushed : std::uint8_t {
    refused,
    queued,
    wake, // and the link's thread has to be told
  };

  /// Kind 1 (raft) may fill it; the others leave it a quarter, so that they
  /// never hold up elections and heartbeats, or an eighth if they are so short
  /// that they only say what became of something.
  pushed push(std::uint8_t kind, std::string body);

  /// The oldest frames: one, and more up to `bytes`. They count as waiting
  /// until `sent`.
  std::vector<cluster_frame> take(std::size_t bytes);

  /// What was taken is with the kernel.
  void sent();

  void open();

  /// Drops all of it.
  void close();

  bool is_open() const;
  std::size_t waiting_bytes() const;

  /// Frames refused, or dropped by `close`.
  std::uint64_t dropped() const;

private:
  static std::size_t cost(const std::string& body) { return body.size() + 64; }

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::deque<cluster_frame> frames_;
  std::size_t bytes_ = 0;       // of `frames_`, and of those taken and not sent
  std::size_t taken_bytes_ = 0; // of the latter
  std::size_t taken_frames_ = 0;
  std::uint64_t dropped_ = 0;
  bool open_ = false;
  bool woken_ = false; // `take` will come
};

} // namespace callboard
