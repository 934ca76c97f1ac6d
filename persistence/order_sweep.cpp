// From a run to its stream's row, each stream once a slice.
#include "persistence/order_sweep.hpp"

#include "persistence/keys.hpp"
#include "persistence/rows.hpp"

#include <string>
#include <unordered_map>

namespace callboard {

result<std::optional<std::string>> stored_name(const transaction& view,
                                               partition_id p, stream_id s) {
  auto key = keys::name(p, s);
  auto name = view.get(table::names, key);
  if (!name)
    return name.error();
  if (!*name)
    return std::optional<std::string>{};
  auto whole = unseal(key, **name);
  if (!whole)
    return whole.error();
  return std::optional{std::string{*whole}};
}

result<std::optional<stream_row>> stored_stream(const transaction& view,
                                                partition_id p, stream_id s) {
  auto name = stored_name(view, p, s);
  if (!name)
    return name.error();
  if (!*name)
    return std::optional<stream_row>{};
  auto key = keys::stream(p, **name);
  auto value = view.get(table::streams, key);
  if (!value)
    return value.error();
  if (!*value)
    return std::optional<stream_row>{};
  auto row = read_stream(key, **value);
  if (!row)
    return row.error();
  return std::optional{*row};
}

result<void> sweep_order(write_transaction& in, partition_id p,
                         order_sweep& how_far, std::size_t blocks) {
  if (!how_far.running)
    return {};
  std::unordered_map<stream_id, event_number> first_live;
  auto is_dead = [&](const ordered_run& run) -> result<bool> {
    auto known = first_live.find(run.stream);
    if (known == first_live.end()) {
      auto row = stored_stream(in, p, run.stream);
      if (!row && row.error() != errc::corrupt)
        return row.error();
      // Of a damaged stream nothing is known to be dead.
      auto first = row && *row ? (*row)->first_live : event_number{};
      known = first_live.emplace(run.stream, first).first;
    }
    return run.number + run.count <= known->second;
  };
  auto next = order_blocks::sweep(in, p, how_far.next, blocks, is_dead);
  if (!next)
    return next.error();
  if (*next)
    how_far.next = **next;
  else
    how_far = {how_far.again, false, {}};
  return {};
}

} // namespace callboard
