// Propose, apply, tell.
#include "actors/record_pipeline.hpp"

#include "actors/core/limits.hpp"
#include "persistence/codec.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace callboard {

record_pipeline::record_pipeline(node_ptr node, partition_id partition)
    : node_(std::move(node)), partition_(partition),
      last_(node_->db->applied(partition)) {}

errc record_pipeline::refusal() const noexcept {
  if (auto why = node_->log->publishing_refusal(); why != errc::none)
    return why;
  if (auto why = node_->db->refusal(); why == errc::storage_full)
    return why;
  if (node_->db->unflushed_bytes() + node_->log->waiting_bytes()
      < limits::unflushed_bytes_max)
    return errc::none;
  auto why = node_->db->refusal();
  return why == errc::none ? errc::overloaded : why;
}

void record_pipeline::propose(record what, done then) {
  assert(!what.empty());
  last_ = {last_.value + 1};
  auto body = encode(what);
  auto bytes = body.size();
  pending_.push_back({last_, std::move(what), bytes, {}});
  pending_.back().waiting.push_back(std::move(then));
  node_->log->append({partition_, last_, 1, std::move(body)});
}

void record_pipeline::after_all(done then) {
  if (pending_.empty())
    return then(errc::none, last_);
  pending_.back().waiting.push_back(std::move(then));
}

void record_pipeline::after(wall_time at, done then) {
  auto later = std::find_if(pending_.begin(), pending_.end(),
                            [at](auto& one) { return one.what.at > at; });
  if (later == pending_.begin())
    return then(errc::none, node_->db->applied(partition_));
  std::prev(later)->waiting.push_back(std::move(then));
}

void record_pipeline::flushed(
  log_index index, const std::function<void(const record&)>& applied) {
  std::vector<std::pair<log_index, std::vector<done>>> ended;
  while (!pending_.empty() && pending_.front().index <= index) {
    auto& next = pending_.front();
    node_->db->apply(partition_, next.index, next.what, next.bytes);
    applied(next.what);
    ended.emplace_back(next.index, std::move(next.waiting));
    pending_.pop_front();
  }
  for (auto& [at, waiting] : ended)
    for (auto& then : waiting)
      then(errc::none, at);
}

void record_pipeline::failed(errc why) {
  auto lost = std::exchange(pending_, {});
  last_ = node_->db->applied(partition_);
  for (auto& one : lost)
    for (auto& then : one.waiting)
      then(why, {});
}

} // namespace callboard
