// Each decision writes the row of its id once, so that it can be counted.
#include "actors/core/schedules.hpp"

#include <cassert>
#include <utility>

namespace callboard {

void schedules::load(const uuid& id, std::optional<state> stored) {
  assert(!knows(id));
  known_.emplace(id, entry{std::move(stored), 0});
}

const schedules::state* schedules::find(const uuid& id) const {
  auto found = known_.find(id);
  assert(found != known_.end());
  return found->second.now ? &*found->second.now : nullptr;
}

bool schedules::is_current(const uuid& id,
                           const delayed_message& message) const {
  auto* now = find(id);
  return now != nullptr && now->message.id == message.id
         && now->message.due == message.due;
}

delayed_id schedules::add(const uuid& id, delayed_message message,
                          std::string_view what, record& into) {
  auto& to = known_.find(id)->second;
  assert(!to.now);
  message.id = {delayed_ids::schedules
                | scheduled_number(++last_, message.kind)};
  auto pieces = in_pieces(what);
  auto count = std::uint32_t(pieces.size());
  message.body = pack(scheduled_body{id, count, 0, {}});
  to.now = state{{message.due, message.id, count, message.stream}, message};
  ++to.in_flight;
  into.changes.emplace_back(put_scheduled{id, to.now->row});
  for (std::uint32_t i = 0; i < count; ++i)
    into.changes.emplace_back(put_piece{message.id, i, std::move(pieces[i])});
  into.changes.emplace_back(put_delayed{std::move(message)});
  return to.now->message.id;
}

void schedules::replace(const uuid& id, delayed_message message, record& into) {
  auto& to = known_.find(id)->second;
  assert(to.now && to.now->message.id == message.id);
  into.changes.emplace_back(
    erase_delayed{to.now->message.due, to.now->message.id});
  to.now->row.due = message.due;
  to.now->message = message;
  ++to.in_flight;
  into.changes.emplace_back(put_scheduled{id, to.now->row});
  into.changes.emplace_back(put_delayed{std::move(message)});
}

void schedules::erase(const uuid& id, record& into) {
  auto& to = known_.find(id)->second;
  assert(to.now);
  auto& [row, message] = *to.now;
  into.changes.emplace_back(erase_delayed{message.due, message.id});
  into.changes.emplace_back(erase_scheduled{id});
  for (std::uint32_t i = 0; i < row.pieces; ++i)
    into.changes.emplace_back(erase_piece{message.id, i});
  to.now.reset();
  ++to.in_flight;
}

void schedules::applied(const change& what) {
  if (auto* put = std::get_if<put_scheduled>(&what))
    applied_one(put->id);
  else if (auto* gone = std::get_if<erase_scheduled>(&what))
    applied_one(gone->id);
}

void schedules::applied_one(const uuid& id) {
  auto found = known_.find(id);
  if (found == known_.end())
    return; // recorded before this object was made
  assert(found->second.in_flight > 0);
  if (--found->second.in_flight == 0)
    known_.erase(found);
}

void schedules::let_go(const uuid& id) {
  if (auto found = known_.find(id);
      found != known_.end() && found->second.in_flight == 0)
    known_.erase(found);
}

} // namespace callboard
