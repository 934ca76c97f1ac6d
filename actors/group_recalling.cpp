// What rows tell a group that starts, besides its own and its runs.
#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"
#include "actors/group_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

delayed_place place_of(const delayed_message& one) {
  return {one.due, one.id};
}

/// The messages that the group waits for, as far as its row and its runs tell:
/// without who holds a lease, or what a retry's message says of it. In order.
std::vector<delayed_message> awaited(const subscription& core) {
  std::vector<delayed_message> out;
  auto& [stream, group] = core.key();
  for (auto& [due, id] : core.messages()) {
    lease_id ticket{id.value & breaker_ticket.value}; // its bits are all set
    bool leased = !core.leased_under(ticket).empty();
    out.push_back(
      {id, due, leased ? delayed_kind::lease_end : delayed_kind::retry_due,
       stream, group, ticket.value, leased ? to_body(lease_note{}) : ""});
  }
  auto& row = core.row();
  auto resumes = [&](lease_id ticket, wall_time due) {
    out.push_back({delayed_of(row.id, ticket), due, delayed_kind::resume,
                   stream, group, ticket.value});
  };
  if (row.paused_until.value != 0)
    resumes(pause_ticket, row.paused_until);
  if (row.breaker == breaker_state::open)
    resumes(breaker_ticket, row.breaker_until);
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return place_of(x) < place_of(y); });
  return out;
}

/// Finds messages that are asked for in the order of their places. Neighbours
/// come with one read, of twice as many rows as were of use last time: a group
/// may have a hundred thousand, and reads of one row each take a second.
class message_finder {
public:
  message_finder(const store& db, partition_id where)
      : db_(db), where_(where) {}

  struct found {
    bool there = false;
    const delayed_message* readable = nullptr; // until the next one is asked
  };

  result<found> find(const delayed_place& at) {
    if (read_.last < at) {
      auto count = std::clamp<std::size_t>(2 * of_use_, 1, rows_max);
      auto rows = db_.delayed_slice(where_, at.first, {at.second.value - 1},
                                    {UINT64_MAX}, count);
      if (!rows)
        return rows.error();
      read_ = std::move(*rows);
      of_use_ = row_ = damaged_ = 0;
    }
    auto& [rows, damaged, seen, last] = read_;
    while (row_ < rows.size() && place_of(rows[row_]) < at)
      ++row_;
    while (damaged_ < damaged.size() && damaged[damaged_] < at)
      ++damaged_;
    found out;
    if (row_ < rows.size() && place_of(rows[row_]) == at)
      out.readable = &rows[row_];
    out.there = out.readable != nullptr
                || (damaged_ < damaged.size() && damaged[damaged_] == at);
    of_use_ += out.there ? 1 : 0;
    return out;
  }

private:
  static constexpr std::size_t rows_max = 1'000;

  const store& db_;
  partition_id where_;
  delayed_rows read_;
  std::size_t row_ = 0; // these are behind what was asked for
  std::size_t damaged_ = 0;
  std::size_t of_use_ = 0;
};

} // namespace

/// What is known of leases and retries besides is in their messages, which are
/// also what ends them: one that a disk has damaged, or hidden, is written anew
/// by `anew`. Only who held the lease is lost.
errc group_state::recall_messages(group_effects& anew) {
  std::size_t lost = 0;
  message_finder stored{*node->db, where};
  for (auto& wanted : awaited(*core)) {
    auto found = stored.find(place_of(wanted));
    if (!found)
      return found.error();
    if (found->readable != nullptr) {
      core->recall(*found->readable);
      continue;
    }
    ++lost;
    if (found->there) // else it was not counted either
      anew.changes.emplace_back(erase_delayed{wanted.due, wanted.id});
    anew.changes.emplace_back(put_delayed{wanted});
  }
  if (lost > 0)
    spdlog::error("messages of a group are damaged: it writes them anew, but "
                  "does not know who holds those leases stream={} group={} "
                  "messages={}",
                  key.stream, key.group, lost);
  return errc::none;
}

/// And of leases that ended, and of settles that were answered.
errc group_state::recall(group_effects& anew) {
  if (auto why = recall_messages(anew); why != errc::none)
    return why;
  auto group = core->row().id;
  std::vector<history_row> history;
  for (auto in : {lane::source, lane::replay}) {
    auto rows = node->db->history(where, group, in, {}, {UINT64_MAX},
                                  2 * limits::history_rows_max);
    if (!rows)
      return rows.error();
    history.insert(history.end(), rows->begin(), rows->end());
  }
  core->recall(history);
  auto stored = node->db->answers(where, group);
  if (!stored)
    return stored.error();
  answers = answer_book{group, std::move(*stored)};
  return errc::none;
}

} // namespace callboard
