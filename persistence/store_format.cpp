// A row in `meta`.
#include "persistence/store_format.hpp"

#include "persistence/keys.hpp"
#include "persistence/rows.hpp"

#include <string>
#include <utility>
#include <vector>

namespace callboard {

namespace {

constexpr std::string_view format_key = "format";
constexpr std::string_view format_value = "2";
constexpr std::string_view partial_key = "order-is-partial";

/// The name of each stream by its id.
result<void> write_names(write_transaction& into, partition_id p) {
  std::vector<std::pair<stream_id, std::string>> all;
  {
    auto rows = into.rows(table::streams);
    if (!rows)
      return rows.error();
    auto prefix = keys::partition(p);
    auto row = rows->seek(prefix);
    for (; row && *row && (*row)->key.starts_with(prefix); row = rows->next()) {
      auto stream = read_stream((*row)->value);
      if (!stream)
        return stream.error();
      all.emplace_back(stream->id, (*row)->key.substr(prefix.size()));
    }
    if (!row)
      return row.error();
  }
  for (auto& [id, name] : all)
    if (auto done = into.put(table::names, keys::name(p, id), name); !done)
      return done;
  return {};
}

result<void> raise_from_1(write_transaction& into, std::size_t partitions) {
  for (std::size_t p = 0; p < partitions; ++p)
    if (auto done = write_names(into, {p}); !done)
      return done;
  return into.put(table::meta, partial_key, "1");
}

} // namespace

result<void> prepare_format(database& db, std::size_t partitions) {
  auto txn = db.write();
  if (!txn)
    return txn.error();
  auto known = txn->get(table::meta, format_key);
  if (!known)
    return known.error();
  if (*known && **known == format_value)
    return {};
  if (*known) {
    if (**known != "1")
      return errc::unknown_format;
    if (auto done = raise_from_1(*txn, partitions); !done)
      return done;
  }
  if (auto done = txn->put(table::meta, format_key, format_value); !done)
    return done;
  return txn->commit();
}

result<bool> order_is_partial(const transaction& view) {
  auto row = view.get(table::meta, partial_key);
  if (!row)
    return row.error();
  return row->has_value();
}

} // namespace callboard
