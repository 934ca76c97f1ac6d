// Rows of what is scheduled, and of what became of leases and settles.
#include "actors/core/limits.hpp"
#include "persistence/keys.hpp"
#include "persistence/store_impl.hpp"

namespace callboard {

result<std::vector<history_row>> store::history(partition_id p, group_id group,
                                                lane in, event_number first,
                                                event_number end,
                                                std::size_t count) const {
  auto rows = impl_->scan(p, table::history, keys::history(p, group, in, first),
                          keys::history(p, group, in, end), count);
  if (!rows)
    return rows.error();
  std::vector<history_row> out;
  for (auto& [key, value] : *rows) {
    auto row = read_history(key, value);
    if (!row)
      return row.error();
    out.push_back(std::move(*row));
  }
  return out;
}

result<std::optional<scheduled_row>> store::scheduled(partition_id p,
                                                      const uuid& id) const {
  auto key = keys::scheduled(p, id);
  auto value = impl_->get(p, table::scheduled, key);
  if (!value)
    return value.error();
  if (!*value)
    return std::optional<scheduled_row>{};
  auto row = read_scheduled(key, **value);
  if (!row)
    return row.error();
  return std::optional{std::move(*row)};
}

result<std::vector<std::optional<scheduled_row>>>
store::scheduled(partition_id p, const std::vector<uuid>& ids) const {
  std::vector<std::string> wanted;
  wanted.reserve(ids.size());
  for (auto& id : ids)
    wanted.push_back(keys::scheduled(p, id));
  auto values = impl_->get(p, table::scheduled, wanted);
  if (!values)
    return values.error();
  std::vector<std::optional<scheduled_row>> out(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto& value = (*values)[i];
    if (!value)
      continue;
    auto row = read_scheduled(wanted[i], *value);
    if (!row)
      return row.error();
    out[i] = std::move(*row);
  }
  return out;
}

result<std::string> store::pieces(partition_id p, delayed_id of,
                                  std::uint32_t count) const {
  std::string out;
  for (std::uint32_t piece = 0; piece < count; ++piece) {
    auto key = keys::piece(p, of, piece);
    auto value = impl_->get(p, table::pieces, key);
    if (!value)
      return value.error();
    if (!*value)
      return errc::corrupt;
    auto bytes = read_piece(key, **value);
    if (!bytes)
      return bytes.error();
    out += *bytes;
  }
  return out;
}

result<std::vector<std::pair<std::string, answer_row>>>
store::answers(partition_id p, group_id group) const {
  auto from = keys::runs(p, group);
  auto rows = impl_->scan(p, table::answers, from, keys::behind(from),
                          limits::answers_max);
  if (!rows)
    return rows.error();
  std::vector<std::pair<std::string, answer_row>> out;
  for (auto& [key, value] : *rows) {
    auto row = read_answer(key, value);
    if (!row)
      return row.error();
    out.emplace_back(key.substr(from.size()), std::move(*row));
  }
  return out;
}

} // namespace callboard
