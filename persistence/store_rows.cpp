// Rows: memory over LMDB, one by one and in ranges.
#include "actors/core/limits.hpp"
#include "persistence/keys.hpp"
#include "persistence/order_blocks.hpp"
#include "persistence/store_impl.hpp"

#include <algorithm>

namespace callboard {

result<std::optional<std::string>>
store::impl::get(partition_id p, table where, std::string_view key) const {
  if (auto known = of(p).find(where, key))
    return std::move(*known);
  // Not in memory: flushed before we looked, or never written.
  std::shared_lock open{gate};
  auto view = db.read();
  if (!view)
    return view.error();
  auto value = view->get(where, key);
  if (!value)
    return value.error();
  if (!*value)
    return std::optional<std::string>{};
  return std::optional{std::string{**value}};
}

result<std::vector<std::optional<std::string>>>
store::impl::get(partition_id p, table where,
                 const std::vector<std::string>& wanted) const {
  std::vector<std::optional<std::optional<std::string>>> known;
  known.reserve(wanted.size());
  for (auto& key : wanted)
    known.push_back(of(p).find(where, key));
  // What is not in memory was flushed before all of this, or never written: it
  // is in a snapshot that begins now.
  std::shared_lock open{gate};
  auto view = db.read();
  if (!view)
    return view.error();
  std::vector<std::optional<std::string>> out;
  out.reserve(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (known[i]) {
      out.push_back(std::move(*known[i]));
      continue;
    }
    auto value = view->get(where, wanted[i]);
    if (!value)
      return value.error();
    out.push_back(*value ? std::optional{std::string{**value}} : std::nullopt);
  }
  return out;
}

result<store::impl::pairs> store::impl::scan(partition_id p, table where,
                                             const std::string& from,
                                             const std::string& to,
                                             std::size_t count) const {
  pairs out;
  std::optional<std::string> at = from;
  while (at && *at < to && out.size() < count) {
    auto rest = scan_slice(p, where, *at, to, count, out);
    if (!rest)
      return rest.error();
    at = std::move(*rest);
  }
  return out;
}

result<std::optional<std::string>>
store::impl::scan_slice(partition_id p, table where, const std::string& from,
                        const std::string& whole_to, std::size_t count,
                        pairs& out) const {
  constexpr std::size_t more = 64; // some rows of memory only say: erased
  std::shared_lock open{gate};
  std::optional<result<transaction>> view;
  auto room = count - out.size();
  auto [newer, border] = of(p).range(
    where, from, whole_to, room < SIZE_MAX - more ? room + more : room,
    [&] { view.emplace(db.read()); });
  if (!*view)
    return view->error();
  auto rows = (*view)->rows(where);
  if (!rows)
    return rows.error();
  auto& to = border ? *border : whole_to;
  auto mine = newer.begin();
  auto take_mine = [&] {
    if (mine->second)
      out.emplace_back(mine->first, std::move(*mine->second));
    ++mine;
  };
  auto row = rows->seek(from);
  for (; row && *row && out.size() < count; row = rows->next()) {
    auto [key, value] = **row;
    if (key >= to)
      break;
    while (mine != newer.end() && mine->first < key && out.size() < count)
      take_mine();
    if (out.size() == count)
      break;
    if (mine != newer.end() && mine->first == key)
      take_mine(); // newer, or erased
    else
      out.emplace_back(key, value);
  }
  if (!row)
    return row.error();
  while (mine != newer.end() && out.size() < count)
    take_mine();
  return std::move(border);
}

result<store::impl::pairs> store::impl::delayed(partition_id p, wall_time due,
                                                delayed_id id, wall_time until,
                                                std::size_t count) const {
  auto from = keys::delayed(p, due, id);
  from.push_back('\0'); // behind (due, id) itself
  auto to = until.value == UINT64_MAX
              ? keys::partition({p.value + 1})
              : keys::delayed(p, {until.value + 1}, {0});
  return scan(p, table::delayed, from, to, count);
}

result<std::optional<stream_row>> store::stream(partition_id p,
                                                std::string_view name) const {
  auto key = keys::stream(p, name);
  auto value = impl_->get(p, table::streams, key);
  if (!value)
    return value.error();
  if (!*value)
    return std::optional<stream_row>{};
  auto row = read_stream(key, **value);
  if (!row)
    return row.error();
  return std::optional{std::move(*row)};
}

result<std::vector<std::pair<std::string, stream_row>>>
store::streams(partition_id p, std::string_view after,
               std::size_t count) const {
  auto from = keys::stream(p, after);
  if (!after.empty())
    from.push_back('\0'); // behind `after` itself
  auto rows =
    impl_->scan(p, table::streams, from, keys::partition({p.value + 1}), count);
  if (!rows)
    return rows.error();
  std::vector<std::pair<std::string, stream_row>> out;
  for (auto& [key, value] : *rows) {
    auto row = read_stream(key, value);
    if (!row)
      return row.error();
    out.emplace_back(key.substr(2), std::move(*row));
  }
  return out;
}

result<std::optional<std::string>> store::stream_name(partition_id p,
                                                      stream_id s) const {
  auto key = keys::name(p, s);
  auto value = impl_->get(p, table::names, key);
  if (!value || !*value)
    return value;
  auto name = unseal(key, **value);
  if (!name)
    return name.error();
  return std::optional{std::string{*name}};
}

result<std::optional<group_row>> store::group(partition_id p,
                                              std::string_view stream,
                                              std::string_view group) const {
  auto key = keys::group(p, stream, group);
  auto value = impl_->get(p, table::groups, key);
  if (!value)
    return value.error();
  if (!*value)
    return std::optional<group_row>{};
  auto row = read_group(key, **value);
  if (!row)
    return row.error();
  return std::optional{std::move(*row)};
}

result<std::vector<stored_group>> store::groups(partition_id p) const {
  auto rows = impl_->scan(p, table::groups, keys::partition(p),
                          keys::partition({p.value + 1}), SIZE_MAX);
  if (!rows)
    return rows.error();
  std::vector<stored_group> out;
  for (auto& [key, value] : *rows) {
    auto row = read_group(key, value);
    if (!row)
      return row.error();
    auto split = key.find('\0', 2);
    if (split == std::string::npos)
      return errc::corrupt;
    out.push_back(
      {key.substr(2, split - 2), key.substr(split + 1), std::move(*row)});
  }
  return out;
}

result<std::vector<run_row>> store::runs(partition_id p, group_id group) const {
  auto from = keys::runs(p, group);
  auto rows =
    impl_->scan(p, table::group_events, from, keys::behind(from), SIZE_MAX);
  if (!rows)
    return rows.error();
  std::vector<run_row> out;
  for (auto& [key, value] : *rows) {
    auto row = read_run(key, value);
    if (!row)
      return row.error();
    out.push_back(*row);
  }
  return out;
}

result<std::vector<delayed_message>>
store::delayed(partition_id p, wall_time due, delayed_id id, wall_time until,
               std::size_t count) const {
  auto rows = impl_->delayed(p, due, id, until, count);
  if (!rows)
    return rows.error();
  std::vector<delayed_message> out;
  for (auto& [key, value] : *rows) {
    auto message = read_delayed(key, value);
    if (!message)
      return message.error();
    out.push_back(std::move(*message));
  }
  return out;
}

result<delayed_rows> store::delayed_slice(partition_id p, wall_time due,
                                          delayed_id id, wall_time until,
                                          std::size_t count) const {
  auto rows = impl_->delayed(p, due, id, until, count);
  if (!rows)
    return rows.error();
  delayed_rows out;
  out.last = {due, id};
  out.seen = rows->size();
  for (auto& [key, value] : *rows) {
    auto at = keys::place_of(key);
    if (at)
      out.last = *at;
    if (auto message = read_delayed(key, value))
      out.rows.push_back(std::move(*message));
    else if (at)
      out.damaged.push_back(*at);
  }
  if (out.seen == count && out.last == delayed_place{due, id})
    return errc::corrupt; // nobody would get past them
  return out;
}

result<std::optional<user_row>> store::user(std::string_view login) const {
  auto value = impl_->get({0}, table::users, login);
  if (!value)
    return value.error();
  if (!*value)
    return std::optional<user_row>{};
  auto row = read_user(login, **value);
  if (!row)
    return row.error();
  return std::optional{std::move(*row)};
}

result<std::vector<std::pair<std::string, user_row>>> store::users() const {
  auto rows = impl_->scan({0}, table::users, std::string(1, '\0'),
                          std::string(1, '\xff'), SIZE_MAX);
  if (!rows)
    return rows.error();
  std::vector<std::pair<std::string, user_row>> out;
  for (auto& [key, value] : *rows) {
    auto row = read_user(key, value);
    if (!row)
      return row.error();
    out.emplace_back(key, std::move(*row));
  }
  return out;
}

result<std::vector<std::pair<consumer_key, consumer_row>>>
store::consumers() const {
  auto rows = impl_->scan({0}, table::consumers, keys::partition({0}),
                          keys::partition({1}), SIZE_MAX);
  if (!rows)
    return rows.error();
  std::vector<std::pair<consumer_key, consumer_row>> out;
  for (auto& [key, value] : *rows) {
    auto row = read_consumer(key, value);
    if (!row)
      return row.error();
    auto split = key.find('\0', 2);
    if (split == std::string::npos)
      return errc::corrupt;
    out.emplace_back(
      consumer_key{key.substr(split + 1), key.substr(2, split - 2)},
      std::move(*row));
  }
  return out;
}

result<std::vector<std::pair<std::string, event_number>>>
store::positions(partition_id p, std::string_view group) const {
  auto from = keys::positions(p, group);
  auto rows =
    impl_->scan(p, table::positions, from, keys::behind(from), SIZE_MAX);
  if (!rows)
    return rows.error();
  std::vector<std::pair<std::string, event_number>> out;
  for (auto& [key, value] : *rows) {
    auto row = read_position(key, value);
    if (!row)
      return row.error();
    out.emplace_back(key.substr(from.size()), *row);
  }
  return out;
}

result<std::vector<remembered_id>> store::recent_ids(partition_id p) const {
  std::shared_lock open{impl_->gate};
  std::optional<result<transaction>> view;
  auto newer =
    impl_->of(p).unflushed_ids([&] { view.emplace(impl_->db.read()); });
  if (!*view)
    return view->error();
  auto rows = (*view)->rows(table::recent_ids);
  if (!rows)
    return rows.error();
  std::vector<remembered_id> out;
  auto end = keys::partition({p.value + 1});
  auto row = rows->seek(keys::recent_ids(p, 0));
  for (; row && *row && (*row)->key < end; row = rows->next()) {
    auto ids = read_ids((*row)->key, (*row)->value);
    if (!ids)
      return ids.error();
    out.insert(out.end(), ids->begin(), ids->end());
  }
  if (!row)
    return row.error();
  out.insert(out.end(), newer.begin(), newer.end());
  if (out.size() > limits::recent_ids_max)
    out.erase(out.begin(), out.end() - std::ptrdiff_t(limits::recent_ids_max));
  return out;
}

result<std::vector<ordered_run>> store::order(partition_id p, log_position from,
                                              log_position to,
                                              std::size_t count,
                                              reading_order order) const {
  std::shared_lock open{impl_->gate};
  std::optional<result<transaction>> view;
  auto newer = impl_->of(p).unflushed_order(
    from, to, count, order, [&] { view.emplace(impl_->db.read()); });
  if (!*view)
    return view->error();
  auto forward = order == reading_order::oldest_first;
  if (!forward && newer.size() >= count) {
    std::reverse(newer.begin(), newer.end());
    return newer;
  }
  // What memory has may be in the snapshot too: from there on it is memory's.
  if (!newer.empty())
    to = std::min(to, newer.front().first);
  auto older = order_blocks::read(**view, p, from, to,
                                  count - (forward ? 0 : newer.size()), order);
  if (!older)
    return older.error();
  if (forward) {
    if (older->size() < count)
      older->insert(older->end(), newer.begin(), newer.end());
    return older;
  }
  std::reverse(newer.begin(), newer.end());
  newer.insert(newer.end(), older->begin(), older->end());
  return newer;
}

} // namespace callboard
