// A row in, an event out.
#include "actors/group_checkpoint.hpp"

#include "actors/read_page.hpp"

#include <algorithm>
#include <memory>
#include <string>

namespace callboard {

namespace {

/// FNV-1a of the name, then the number: the same for ever.
uuid checkpoint_id(std::string_view name, event_number number) {
  std::uint64_t hash = 14695981039346656037U;
  for (unsigned char c : name)
    hash = (hash ^ c) * 1099511628211U;
  uuid out;
  for (std::size_t i = 0; i < 8; ++i) {
    out.bytes[i] = std::uint8_t(hash >> (8 * (7 - i)));
    out.bytes[8 + i] = std::uint8_t(number.value >> (8 * (7 - i)));
  }
  return out;
}

} // namespace

event_ptr checkpoint_event(std::string_view name, const group_row& row,
                           const std::optional<stream_row>& source,
                           wall_time now) {
  auto start =
    std::uint64_t(std::max<std::int64_t>(row.settings.start_from, 0));
  auto checkpoint = row.source_checkpoint;
  bool any = row.settled > 0 || row.parked > 0;
  // An idle group may not have taken yet what its stream has lost.
  if (source)
    if (auto first = first_readable(*source);
        first < source->next && first > checkpoint) {
      checkpoint = first;
      any = true;
    }
  if (!any || checkpoint.value <= start)
    return nullptr;
  auto out = std::make_shared<event>();
  out->number = {checkpoint.value - 1};
  out->id = checkpoint_id(name, out->number);
  out->type = "$SubscriptionCheckpoint";
  out->data = '"' + std::to_string(out->number.value) + '"';
  out->is_json = true;
  out->created = now;
  return out;
}

stream_row checkpoint_head(const event& latest) {
  stream_row out;
  out.next = latest.number + 1;
  out.first_live = latest.number;
  return out;
}

} // namespace callboard
