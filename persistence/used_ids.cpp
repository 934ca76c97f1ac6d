// Highest wins.
#include "persistence/used_ids.hpp"

#include <algorithm>

namespace callboard {

void used_ids::raise(const record& what) noexcept {
  for (auto& one : what.changes)
    if (auto* put = std::get_if<put_stream>(&one))
      stream = std::max(stream, put->row.id);
    else if (auto* made = std::get_if<put_group>(&one))
      group = std::max(group, made->row.id);
    else if (auto* later = std::get_if<put_delayed>(&one))
      raise(later->message.id);
}

void used_ids::raise(delayed_id id) noexcept {
  constexpr auto space = std::uint64_t{7} << 61;
  if ((id.value & space) == delayed_ids::schedules)
    schedules = std::max(schedules, id.value & ~space);
  else if ((id.value & space) == delayed_ids::notices)
    notices = std::max(notices, id.value & ~space);
}

void used_ids::raise(const used_ids& others) noexcept {
  stream = std::max(stream, others.stream);
  group = std::max(group, others.group);
  schedules = std::max(schedules, others.schedules);
  notices = std::max(notices, others.notices);
}

} // namespace callboard
