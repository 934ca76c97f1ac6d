// A slice of each partition, merged; what follows the shortest slice waits.
#include "actors/delayed_reading.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/scheduled.hpp"
#include "actors/wall_ahead.hpp"

#include <algorithm>
#include <tuple>

namespace callboard {

namespace {

using stored_at = std::tuple<wall_time, partition_id, delayed_id>;

stored_at where(const delayed_item& item) {
  return {item.what.due, item.partition, item.what.id};
}

/// Rows of one partition behind the page before, and where they end.
struct slice {
  std::vector<delayed_message> rows;
  std::optional<stored_at> border; // nothing: they are all
};

result<slice> slice_of(const node_services& node, partition_id p,
                       const delayed_query& what, wall_time from, wall_time to,
                       std::size_t count) {
  // Behind (due, partition, id) in the order of all partitions.
  auto due = what.after_due;
  delayed_id id{p < what.after_partition    ? UINT64_MAX
                : p == what.after_partition ? what.after_id.value
                                            : 0};
  if (from.value > 0 && due < from) {
    due = {from.value - 1};
    id = {UINT64_MAX};
  }
  if (to <= due)
    return slice{};
  auto rows = node.db->delayed(p, due, id, {to.value - 1}, count);
  if (!rows)
    return rows.error();
  slice out{std::move(*rows), {}};
  if (out.rows.size() == count)
    out.border = stored_at{out.rows.back().due, p, out.rows.back().id};
  return out;
}

/// What passes the filter, in order, of `each` rows of every partition, up to
/// where the first of them has more.
struct merged_slices {
  std::vector<delayed_item> items;
  std::optional<stored_at> border; // nothing: they are all
};

result<merged_slices> merge_slices(const node_services& node,
                                   const delayed_query& what,
                                   std::optional<partition_id> only,
                                   std::size_t each) {
  auto& filter = what.filter;
  wall_ahead between;
  auto from =
    filter.from.value > 0 ? between.stored_of(node, filter.from) : wall_time{};
  auto to = filter.to.value > 0 ? between.stored_of(node, filter.to)
                                : wall_time{UINT64_MAX};
  merged_slices out;
  for (std::size_t p = 0; p < node.db->partitions(); ++p) {
    if (only && only->value != p)
      continue;
    auto found = slice_of(node, {p}, what, from, to, each);
    if (!found)
      return found.error();
    if (found->border && (!out.border || *found->border < *out.border))
      out.border = found->border;
    for (auto& row : found->rows)
      if (passes(filter, row))
        out.items.push_back({partition_id{p}, row,
                             shown_due(row, between.wall_of(node, row.due))});
  }
  std::sort(out.items.begin(), out.items.end(),
            [](auto& x, auto& y) { return where(x) < where(y); });
  if (out.border)
    std::erase_if(out.items,
                  [&](auto& item) { return where(item) > *out.border; });
  return out;
}

} // namespace

result<delayed_page> list_delayed(const node_services& node,
                                  const delayed_query& what) {
  auto& filter = what.filter;
  // A stream's lie in its partition; what is not about a stream, anywhere.
  std::optional<partition_id> only;
  if (!filter.stream.empty() && filter.group.empty())
    only = node.placement.home_of(filter.stream);
  auto each_max =
    limits::delayed_looked_at_max / (only ? 1 : node.db->partitions());
  // One row more than the page tells whether there are more; a filter may leave
  // fewer.
  auto each = std::min(what.count + 1, each_max);
  auto found = merge_slices(node, what, only, each);
  while (found && found->border && found->items.size() <= what.count
         && each < each_max) {
    each = std::min(2 * each, each_max);
    found = merge_slices(node, what, only, each);
  }
  if (!found)
    return found.error();
  delayed_page out;
  out.items = std::move(found->items);
  auto end = found->border;
  if (out.items.size() > what.count) {
    out.items.resize(what.count);
    end = where(out.items.back());
  }
  if (end) {
    out.more = true;
    std::tie(out.due, out.partition, out.id) = *end;
  }
  return out;
}

namespace {

result<std::optional<delayed_message>> message_of(const node_services& node,
                                                  partition_id p, wall_time due,
                                                  delayed_id id) {
  if (id.value == 0)
    return std::optional<delayed_message>{};
  auto rows = node.db->delayed(p, due, {id.value - 1}, due, 1);
  if (!rows)
    return rows.error();
  if (rows->empty() || rows->front().id != id)
    return std::optional<delayed_message>{};
  return std::optional{std::move(rows->front())};
}

result<void> add_pieces(const node_services& node, delayed_detail& to) {
  auto& [partition, message, due] = to.item;
  auto body = unpack_body(message.body);
  if (!body)
    return errc::corrupt;
  to.fired = body->fired;
  auto bytes = node.db->pieces(partition, message.id, body->pieces);
  if (!bytes)
    return bytes.error();
  if (message.kind == delayed_kind::bulk) {
    auto job = unpack_job(*bytes);
    if (!job)
      return errc::corrupt;
    to.job = job->progress;
    return {};
  }
  auto what = unpack_event(*bytes);
  if (!what)
    return errc::corrupt;
  to.event = std::move(what->event);
  to.rule = std::move(what->rule);
  return {};
}

} // namespace

result<delayed_detail_ptr> find_delayed(const node_services& node,
                                        const delayed_ref& what) {
  auto [p, scheduled, due, id] = what;
  if (p.value >= node.db->partitions())
    return delayed_detail_ptr{};
  if (scheduled) {
    auto row = node.db->scheduled(p, *scheduled);
    if (!row)
      return row.error();
    if (!*row)
      return delayed_detail_ptr{};
    due = (*row)->due;
    id = (*row)->message;
  }
  auto message = message_of(node, p, due, id);
  if (!message)
    return message.error();
  if (!*message)
    return delayed_detail_ptr{}; // it has gone in between
  auto out = std::make_shared<delayed_detail>();
  auto shown = shown_due(**message, wall_ahead{}.wall_of(node, due));
  out->item = {p, std::move(**message), shown};
  if (class_of(id) == delayed_class::publish
      || class_of(id) == delayed_class::recurring
      || class_of(id) == delayed_class::bulk)
    if (auto done = add_pieces(node, *out); !done) {
      auto again = message_of(node, p, due, id);
      if (again && !*again)
        return delayed_detail_ptr{};
      return done.error();
    }
  return delayed_detail_ptr{std::move(out)};
}

} // namespace callboard
