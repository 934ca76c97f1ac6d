// Pages of all events of a world, and what they should hold.
#pragma once

#include "tests/support/world.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace callboard::test {

/// Asks for a page, lets `meanwhile` happen, and time pass; what waits for the
/// disk at last gets there.
inline result<all_page> read_all(world& w, all_request what,
                                 const std::function<void()>& meanwhile = {}) {
  caf::scoped_actor self{w.vt->sys};
  auto pending =
    self->request(w.broker.broker, caf::infinite, read_atom_v, std::move(what));
  w.vt->run();
  if (meanwhile)
    meanwhile();
  w.vt->advance(std::chrono::milliseconds{2});
  if (self->mailbox().empty()) {
    w.log->flush();
    w.vt->run();
  }
  result<all_page> out = errc::timed_out;
  if (!self->mailbox().empty())
    pending.receive([&](all_page_ptr& page) { out = *page; },
                    [&](caf::error& why) { out = to_errc(why); });
  return out;
}

/// `number@stream` of each event, in the order of the page.
inline std::vector<std::string> titles(const all_page& page) {
  std::vector<std::string> out;
  for (auto& e : page.events)
    out.push_back(std::to_string(e.what.original->number.value) + "@"
                  + e.stream);
  return out;
}

/// What the log says: all events that ever reached the disk, in their order.
inline std::vector<std::string> logged_titles(const world& w) {
  std::map<std::pair<partition_id, stream_id>, std::string> names;
  std::map<log_position,
           std::pair<std::pair<partition_id, stream_id>, event_number>>
    order;
  for (auto& entry : w.kept) {
    auto what = decode(entry.body).value();
    for (auto& one : what.changes)
      if (auto* stream = std::get_if<put_stream>(&one))
        names[{entry.partition, stream->row.id}] = stream->name;
    for (std::size_t i = 0; i < what.events.size(); ++i) {
      auto& [stream, e] = what.events[i];
      order[log_position::of(what.at, entry.partition, entry.index, i)] = {
        {entry.partition, stream}, e->number};
    }
  }
  std::vector<std::string> out;
  for (auto& [position, what] : order)
    out.push_back(std::to_string(what.second.value) + "@"
                  + names.at(what.first));
  return out;
}

} // namespace callboard::test
