// A bounded queue.
#include "net/cluster_outbox.hpp"

#include <utility>

namespace callboard {

namespace {

constexpr std::uint8_t raft_kind = 1;

// Of a note: that a client has gone, that nobody wants an answer any more. The
// other side would keep what a lost one is about until the connection ends.
constexpr std::size_t note_bytes_max = 32;

} // namespace

cluster_outbox::pushed cluster_outbox::push(std::uint8_t kind,
                                            std::string body) {
  auto bytes = cost(body);
  auto left = kind == raft_kind               ? 0
              : body.size() <= note_bytes_max ? bytes_max_ / 8
                                              : bytes_max_ / 4;
  auto bytes_max = bytes_max_ - left;
  std::lock_guard lock{mutex_};
  if (!open_ || bytes > bytes_max || bytes_ > bytes_max - bytes) {
    ++dropped_;
    return pushed::refused;
  }
  bytes_ += bytes;
  frames_.push_back({kind, std::move(body)});
  return std::exchange(woken_, true) ? pushed::queued : pushed::wake;
}

std::vector<cluster_frame> cluster_outbox::take(std::size_t bytes) {
  std::vector<cluster_frame> out;
  std::lock_guard lock{mutex_};
  while (
    !frames_.empty()
    && (out.empty() || taken_bytes_ + cost(frames_.front().body) <= bytes)) {
    taken_bytes_ += cost(frames_.front().body);
    out.push_back(std::move(frames_.front()));
    frames_.pop_front();
  }
  taken_frames_ += out.size();
  woken_ = !frames_.empty();
  return out;
}

void cluster_outbox::sent() {
  std::lock_guard lock{mutex_};
  bytes_ -= std::exchange(taken_bytes_, 0);
  taken_frames_ = 0;
}

void cluster_outbox::open() {
  std::lock_guard lock{mutex_};
  open_ = true;
}

void cluster_outbox::close() {
  std::deque<cluster_frame> freed; // not under the lock
  std::lock_guard lock{mutex_};
  dropped_ += frames_.size() + std::exchange(taken_frames_, 0);
  freed.swap(frames_);
  bytes_ = taken_bytes_ = 0;
  open_ = woken_ = false;
}

bool cluster_outbox::is_open() const {
  std::lock_guard lock{mutex_};
  return open_;
}

std::size_t cluster_outbox::waiting_bytes() const {
  std::lock_guard lock{mutex_};
  return bytes_;
}

std::uint64_t cluster_outbox::dropped() const {
  std::lock_guard lock{mutex_};
  return dropped_;
}

} // namespace callboard
