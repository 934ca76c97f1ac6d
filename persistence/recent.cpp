// Applying, finding, freezing, forgetting.
#include "persistence/recent.hpp"

#include "persistence/keys.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace callboard {

void recent::begin(log_index applied, wall_time at, stream_id last_stream) {
  std::lock_guard lock{mutex_};
  last_named_ = last_stream;
  applied_ = applied;
  applied_at_ = at;
}

namespace {

/// Where the events of a record stand, run by run.
std::vector<ordered_run> order_of(partition_id p, log_index index,
                                  const record& what) {
  std::vector<ordered_run> out;
  for (std::uint64_t i = 0; i < what.events.size(); ++i) {
    auto& [stream, e] = what.events[i];
    if (!out.empty() && out.back().stream == stream)
      ++out.back().count;
    else
      out.push_back(
        {log_position::of(what.at, p, index, i), stream, e->number, 1});
  }
  return out;
}

} // namespace

std::vector<row_change> recent::new_names(partition_id p, const record& what) {
  // Ids are given in the order of the log, so the highest one says it all.
  std::vector<row_change> out;
  auto highest = last_named_;
  for (auto& one : what.changes)
    if (auto* stream = std::get_if<put_stream>(&one);
        stream != nullptr && stream->row.id > last_named_) {
      auto key = keys::name(p, stream->row.id);
      auto value = stream->name;
      seal(key, value);
      out.push_back({table::names, std::move(key), std::move(value)});
      highest = std::max(highest, stream->row.id);
    }
  last_named_ = highest;
  return out;
}

void recent::apply(partition_id p, log_index index, const record& what,
                   std::size_t bytes) {
  // Encoded before the lock: readers wait for maps only.
  std::vector<row_change> rows;
  rows.reserve(what.changes.size());
  for (auto& one : what.changes)
    rows.push_back(to_row(p, one));
  auto names = new_names(p, what);
  std::move(names.begin(), names.end(), std::back_inserter(rows));
  auto order = order_of(p, index, what);
  std::lock_guard lock{mutex_};
  assert(index.value == applied_.value + 1);
  applied_ = active_.last = index;
  applied_at_ = active_.at = std::max(applied_at_, what.at);
  active_.used.raise(what);
  active_.bytes += bytes;
  unflushed_ += bytes;
  for (auto& row : rows)
    active_.rows[std::size_t(row.where)].insert_or_assign(std::move(row.key),
                                                          std::move(row.value));
  changed_streams_ = active_.rows[std::size_t(table::streams)].size();
  for (auto& one : what.changes)
    if (auto* stream = std::get_if<put_stream>(&one);
        stream != nullptr && stream->row.first_live.value > 0)
      active_.cuts.emplace_back(stream->row.id, stream->row);
  active_.order.insert(active_.order.end(), order.begin(), order.end());
  for (auto& [stream, e] : what.events) {
    active_.events.push_back({stream, e});
    auto& tail_of = tails_[stream];
    if (tail_of.events.empty())
      tail_of.first = e->number;
    assert(tail_of.first + tail_of.events.size() == e->number);
    tail_of.events.push_back(e);
    kept_.emplace_back(stream, memory_bytes(*e));
    kept_bytes_ += kept_.back().second;
    ++unflushed_events_;
  }
}

std::optional<std::optional<std::string>>
recent::find(table where, std::string_view key) const {
  std::lock_guard lock{mutex_};
  for (auto* from : {&active_, frozen_.get()}) {
    if (from == nullptr)
      continue;
    auto& rows = from->rows[std::size_t(where)];
    if (auto found = rows.find(key); found != rows.end())
      return found->second;
  }
  return std::nullopt;
}

recent::row_range recent::range(table where, std::string_view from,
                                std::string_view to, std::size_t count,
                                const std::function<void()>& begin_view) const {
  row_range out;
  std::lock_guard lock{mutex_};
  // The newer generation first: `insert` keeps what is there.
  for (auto* in : {&std::as_const(active_), frozen_.get()}) {
    if (in == nullptr)
      continue;
    auto& rows = in->rows[std::size_t(where)];
    auto at = rows.lower_bound(from);
    auto left = count;
    for (auto end = rows.lower_bound(to); at != end && left > 0; ++at, --left)
      out.rows.insert(*at);
    if (at != rows.lower_bound(to) && (!out.border || at->first < *out.border))
      out.border = at->first;
  }
  if (out.border)
    out.rows.erase(out.rows.lower_bound(*out.border), out.rows.end());
  begin_view();
  return out;
}

std::optional<std::vector<event_ptr>>
recent::read(stream_id s, event_number from, std::size_t count,
             std::size_t bytes_max) const {
  std::lock_guard lock{mutex_};
  auto found = tails_.find(s);
  if (found == tails_.end())
    return std::nullopt;
  auto& [first, events] = found->second;
  if (from < first || from >= first + events.size())
    return std::nullopt;
  std::vector<event_ptr> out;
  std::size_t bytes = 0;
  auto at = from.value - first.value;
  auto end = std::min<std::uint64_t>(events.size(), at + count);
  out.reserve(std::size_t(end - at));
  for (; at < end && bytes < bytes_max; ++at) {
    out.push_back(events[at]);
    bytes += memory_bytes(*out.back());
  }
  return out;
}

std::optional<event_number>
recent::first_of(stream_id s, const std::function<void()>& begin_view) const {
  std::lock_guard lock{mutex_};
  begin_view();
  auto found = tails_.find(s);
  if (found == tails_.end())
    return std::nullopt;
  return found->second.first;
}

std::vector<remembered_id>
recent::unflushed_ids(const std::function<void()>& begin_view) const {
  std::vector<remembered_id> out;
  std::lock_guard lock{mutex_};
  begin_view();
  for (auto* in : {frozen_.get(), &active_})
    if (in != nullptr)
      for (auto& [stream, e] : in->events)
        if (!e->id.is_zero())
          out.push_back({e->id, stream, e->number});
  return out;
}

std::vector<ordered_run>
recent::unflushed_order(log_position from, log_position to, std::size_t count,
                        reading_order order,
                        const std::function<void()>& begin_view) const {
  std::vector<ordered_run> out;
  std::lock_guard lock{mutex_};
  begin_view();
  auto forward = order == reading_order::oldest_first;
  std::array both{frozen_.get(), &active_};
  if (!forward)
    std::swap(both.front(), both.back());
  for (auto* in : both) {
    if (in == nullptr)
      continue;
    auto first =
      std::partition_point(in->order.begin(), in->order.end(),
                           [&](auto& run) { return run.end() <= from; });
    auto last = std::partition_point(first, in->order.end(),
                                     [&](auto& run) { return run.first < to; });
    auto room = std::ptrdiff_t(count - out.size());
    if (last - first > room)
      (forward ? last : first) = forward ? first + room : last - room;
    out.insert(forward ? out.end() : out.begin(), first, last);
  }
  return out;
}

log_index recent::applied() const {
  std::lock_guard lock{mutex_};
  return applied_;
}

wall_time recent::applied_at() const {
  std::lock_guard lock{mutex_};
  return applied_at_;
}

std::shared_ptr<const generation> recent::freeze() {
  std::lock_guard lock{mutex_};
  if (!frozen_ && !active_.empty()) {
    frozen_ = std::make_shared<generation>(std::exchange(active_, {}));
    changed_streams_ = 0;
  }
  return frozen_;
}

void recent::flushed() {
  std::shared_ptr<const generation> gone; // destroyed after the lock is
  std::lock_guard lock{mutex_};
  assert(frozen_);
  gone = std::exchange(frozen_, nullptr);
  unflushed_ -= gone->bytes;
  unflushed_events_ -= gone->events.size();
}

std::size_t recent::evict(std::size_t bytes_max) {
  std::lock_guard lock{mutex_};
  while (kept_bytes_ > bytes_max && kept_.size() > unflushed_events_) {
    auto [stream, bytes] = kept_.front();
    kept_.pop_front();
    kept_bytes_ -= bytes;
    auto found = tails_.find(stream);
    found->second.events.pop_front();
    found->second.first = found->second.first + 1;
    if (found->second.events.empty())
      tails_.erase(found);
  }
  return kept_bytes_;
}

} // namespace callboard
