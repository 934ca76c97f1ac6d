// A row in, an event out.
#include "actors/group_checkpoint.hpp"

#include "actors/core/names.hpp"
#include "actors/read_page.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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

/// Nothing is told to an idle group: it may not have taken yet what its stream
/// has lost. What it has delivered of that stays open.
result<event_number> checkpoint_of(const store& db, partition_id p,
                                   const group_row& row,
                                   const stream_row& source) {
  auto first = first_readable(source);
  if (first == source.next || first <= row.source_checkpoint)
    return row.source_checkpoint;
  auto runs = db.runs(p, row.id);
  if (!runs)
    return runs.error();
  for (auto& run : *runs)
    if (run.in == lane::source && run.state != run_state::settled)
      first = std::min(first, run.first);
  return first;
}

} // namespace

result<event_ptr> checkpoint_event(const store& db, partition_id p,
                                   std::string_view stream,
                                   std::string_view group, wall_time now) {
  auto row = db.group(p, stream, group);
  auto source = db.stream(p, stream);
  if (!row || !source)
    return row ? source.error() : row.error();
  if (!*row)
    return event_ptr{};
  auto checkpoint =
    *source ? checkpoint_of(db, p, **row, **source) : (*row)->source_checkpoint;
  if (!checkpoint)
    return checkpoint.error();
  auto known = *checkpoint > (*row)->source_checkpoint
               || (*row)->settled + (*row)->parked > 0;
  if (!known || *checkpoint <= (*row)->began_at)
    return event_ptr{};
  auto out = std::make_shared<event>();
  out->number = {checkpoint->value - 1};
  out->id = checkpoint_id(checkpoint_stream(stream, group), out->number);
  out->type = "$SubscriptionCheckpoint";
  out->data = '"' + std::to_string(out->number.value) + '"';
  out->is_json = true;
  out->created = now;
  return event_ptr{std::move(out)};
}

stream_row checkpoint_head(const event& latest) {
  stream_row out;
  out.next = latest.number + 1;
  out.first_live = latest.number;
  return out;
}

} // namespace callboard
