// Each read: out of memory or LMDB, as the store has it.
#include "actors/reader_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/delayed_reading.hpp"
#include "actors/read_all.hpp"
#include "actors/read_page.hpp"

#include <spdlog/spdlog.h>

namespace callboard {

namespace {

reading view_of(const node_services& node) {
  return {*node.db, node.placement, node.wall()};
}

caf::error failure(errc why, const char* what) {
  if (why == errc::corrupt)
    spdlog::critical("stored {} are damaged: not served", what);
  return caf::make_error(why);
}

result<user_infos> read_users(const store& db, const std::string& login) {
  user_infos out;
  auto add = [&out](const std::string& name, user_row& row) {
    out.push_back({name, std::move(row.full_name), std::move(row.groups),
                   row.disabled, row.updated});
  };
  if (login.size() > limits::login_bytes_max)
    return out; // no key of the store
  if (!login.empty()) {
    auto row = db.user(login);
    if (!row)
      return row.error();
    if (*row)
      add(login, **row);
    return out;
  }
  auto rows = db.users();
  if (!rows)
    return rows.error();
  for (auto& [name, row] : *rows)
    add(name, row);
  return out;
}

} // namespace

reader_actor::behavior_type reader_behavior(reader_actor::pointer,
                                            node_ptr node) {
  return {
    [node](read_atom, const read_request& what,
           partition_id p) -> caf::result<event_page_ptr> {
      auto page = read_page(view_of(*node), p, what, read_from::anywhere);
      if (!page)
        return failure(page.error(), "events of a page");
      return event_page_ptr{std::make_shared<event_page>(std::move(**page))};
    },
    [node](read_atom,
           const range_request& what) -> caf::result<resolved_events> {
      auto range = read_range(view_of(*node), what, read_from::anywhere);
      if (!range)
        return failure(range.error(), "events of a group");
      return std::move(**range);
    },
    [node](users_atom, const std::string& login) -> caf::result<user_infos> {
      auto found = read_users(*node->db, login);
      if (!found)
        return failure(found.error(), "users");
      return std::move(*found);
    },
    [node](read_atom, const all_request& what) -> caf::result<all_page_ptr> {
      auto page = read_all(view_of(*node), what);
      if (!page)
        return failure(page.error(), "events of all streams");
      return all_page_ptr{std::make_shared<all_page>(std::move(*page))};
    },
    [node](read_atom,
           const streams_request& what) -> caf::result<stream_list_ptr> {
      auto list = list_streams(view_of(*node), what);
      if (!list)
        return failure(list.error(), "rows of streams");
      return stream_list_ptr{std::make_shared<stream_list>(std::move(*list))};
    },
    [node](delayed_atom,
           const delayed_query& what) -> caf::result<delayed_page_ptr> {
      auto page = list_delayed(*node, what);
      if (!page)
        return failure(page.error(), "delayed messages");
      return delayed_page_ptr{std::make_shared<delayed_page>(std::move(*page))};
    },
    [node](delayed_atom,
           const delayed_ref& what) -> caf::result<delayed_detail_ptr> {
      auto found = find_delayed(*node, what);
      if (!found)
        return failure(found.error(), "delayed messages");
      return std::move(*found);
    },
  };
}

} // namespace callboard
