// Propose, apply, tell.
#include "actors/record_pipeline.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/log_position.hpp"
#include "persistence/codec.hpp"
#include "persistence/rows.hpp"
#include "persistence/table_names.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace callboard {

namespace {

static_assert(limits::record_events_max <= 1U << log_position::offset_bits);

/// Each row of such a record fits: its text is a part of the record, and what
/// else a key has takes less than the rest.
constexpr std::size_t short_record_bytes = limits::key_bytes_max - 64;

template <class... Texts>
bool are_short(const Texts&... texts) {
  return (texts.size() + ...) <= limits::stream_name_bytes_max;
}

static_assert(limits::scheduled_piece_bytes + 32 <= limits::value_bytes_max);

/// Whether the row surely fits, told without making it. Text of clients comes
/// here checked, and what else was overlooked must not cost much: these are the
/// rows of publishing, also later, of delivering and settling.
bool is_short(const change& one) {
  if (auto* put = std::get_if<put_stream>(&one))
    return are_short(put->name, put->row.policy.acl);
  if (auto* put = std::get_if<put_delayed>(&one))
    return are_short(put->message.stream, put->message.group,
                     put->message.body);
  if (auto* put = std::get_if<put_scheduled>(&one))
    return are_short(put->row.stream);
  if (auto* put = std::get_if<put_piece>(&one))
    return put->bytes.size() <= limits::scheduled_piece_bytes;
  if (auto* put = std::get_if<put_history>(&one))
    return are_short(put->row.words, put->row.holder.name,
                     put->row.holder.address);
  return std::holds_alternative<put_run>(one)
         || std::holds_alternative<erase_run>(one)
         || std::holds_alternative<erase_delayed>(one)
         || std::holds_alternative<erase_scheduled>(one)
         || std::holds_alternative<erase_piece>(one)
         || std::holds_alternative<erase_history>(one);
}

/// Whether log and store can take it; says what they cannot take.
bool fits(partition_id p, const record& what, std::size_t bytes) {
  if (bytes > limits::record_bytes_max
      || what.events.size() > limits::record_events_max) {
    spdlog::error("a record is too large and is refused partition={} bytes={} "
                  "events={} changes={}",
                  p.value, bytes, what.events.size(), what.changes.size());
    return false;
  }
  if (bytes <= short_record_bytes)
    return true;
  for (auto& one : what.changes) {
    if (is_short(one))
      continue;
    auto row = to_row(p, one);
    auto value_bytes = row.value ? row.value->size() : 0;
    if (row.key.size() <= limits::key_bytes_max
        && value_bytes <= limits::value_bytes_max)
      continue;
    spdlog::error("a row is too large and its record is refused partition={} "
                  "table={} key_bytes={} value_bytes={}",
                  p.value, table_names[std::size_t(row.where)], row.key.size(),
                  value_bytes);
    return false;
  }
  return true;
}

errc refusal_above(std::size_t bytes_max, const node_services& node) noexcept {
  if (node.db->unflushed_bytes() + node.log->waiting_bytes() < bytes_max)
    return errc::none;
  auto why = node.db->refusal();
  return why == errc::none ? errc::overloaded : why;
}

} // namespace

errc backlog_refusal(const node_services& node) noexcept {
  return refusal_above(2 * limits::unflushed_bytes_max, node);
}

errc recording_refusal(const node_services& node) noexcept {
  auto why = node.log->refusal();
  return why != errc::none ? why : backlog_refusal(node);
}

record_pipeline::record_pipeline(node_ptr node, partition_id partition)
    : node_(std::move(node)), partition_(partition),
      last_(node_->db->applied(partition)) {}

errc record_pipeline::refusal() const noexcept {
  if (auto why = node_->log->publishing_refusal(); why != errc::none)
    return why;
  if (auto why = node_->db->refusal(); why == errc::storage_full)
    return why;
  return refusal_above(limits::unflushed_bytes_max, *node_);
}

const record* record_pipeline::propose(record what, done then) {
  assert(!what.empty());
  auto body = encode(what);
  auto bytes = body.size();
  if (!fits(partition_, what, bytes)) {
    then(errc::too_large, {});
    return nullptr;
  }
  last_ = {last_.value + 1};
  pending_.push_back({last_, std::move(what), bytes, {}});
  pending_.back().waiting.push_back(std::move(then));
  node_->log->append({partition_, last_, 1, std::move(body)});
  return &pending_.back().what;
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
