// The first three bits of an id tell the class, and two more a kind.
#include "actors/core/pending_counts.hpp"

#include <algorithm>
#include <tuple>

namespace callboard {

namespace {

constexpr auto space = std::uint64_t{7} << 61;
constexpr auto kind_mask = (std::uint64_t{1} << scheduled_kind_bits) - 1;

} // namespace

delayed_class class_of(delayed_id id) noexcept {
  switch (id.value & space) {
    case delayed_ids::sweeps: return delayed_class::retention;
    case delayed_ids::sessions: return delayed_class::session_end;
    case delayed_ids::notices: return delayed_class::notice;
    case delayed_ids::schedules: break;
    default: return delayed_class::group;
  }
  switch (id.value & kind_mask) {
    case 0: return delayed_class::publish;
    case 1: return delayed_class::recurring;
    default: return delayed_class::bulk;
  }
}

std::uint64_t scheduled_number(std::uint64_t sequence,
                               delayed_kind kind) noexcept {
  std::uint64_t bits = kind == delayed_kind::publish     ? 0
                       : kind == delayed_kind::recurring ? 1
                                                         : 2;
  return (sequence << scheduled_kind_bits) | bits;
}

void pending_counts::found(const delayed_rows& what, bool last) {
  for (auto& row : what.rows)
    ++counts_[std::size_t(class_of(row.id))];
  for (auto& [due, id] : what.damaged)
    ++counts_[std::size_t(class_of(id))];
  std::tie(due_, id_) = what.last;
  complete_ = last;
}

void pending_counts::applied(const change& what) {
  if (auto* put = std::get_if<put_delayed>(&what))
    add(put->message.due, put->message.id, 1);
  else if (auto* gone = std::get_if<erase_delayed>(&what))
    add(gone->due, gone->id, -1);
}

void pending_counts::add(wall_time due, delayed_id id, std::int64_t n) {
  if (!complete_ && std::tie(due, id) > std::tie(due_, id_))
    return;
  auto& count = counts_[std::size_t(class_of(id))];
  count = std::max<std::int64_t>(count + n, 0);
}

} // namespace callboard
