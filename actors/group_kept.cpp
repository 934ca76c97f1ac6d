// Copies of parked events: retention of their streams does not reach them.
#include "actors/core/bytes.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_actor.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace callboard {

namespace {

constexpr std::string_view copy_type = "$kept";

/// One record holds so many copies at most, each as large as an event may be.
constexpr std::size_t copies_max = 4;

/// A copy has the id of its link: each is unique. Null: there is nothing to be
/// copied, but the number is taken.
new_event copy_of(const uuid& id, const event* what) {
  new_event out;
  out.id = id;
  out.type = copy_type;
  if (what == nullptr)
    return out;
  byte_writer to{out.data};
  to.id(what->id);
  to.text(what->type);
  to.byte(what->is_json ? 1 : 0);
  to.varint(what->give_up_at.value);
  to.varint(what->number.value);
  to.varint(what->created.value);
  to.text(what->metadata);
  to.text(what->data);
  return out;
}

event_ptr event_in(const event& copy) {
  if (copy.type != copy_type || copy.data.empty())
    return nullptr;
  byte_reader from{copy.data};
  auto out = std::make_shared<event>();
  out->id = from.id();
  out->type = from.text();
  out->is_json = from.byte() != 0;
  out->give_up_at = {from.varint()};
  out->number = {from.varint()};
  out->created = {from.varint()};
  out->metadata = from.text();
  out->data = from.text();
  return from.good() ? out : nullptr;
}

} // namespace

/// The stream of copies itself tells how far they are, so that they go on after
/// a restart. They are made after the event is parked: for as long as that
/// takes, it depends on its stream.
void group_state::copy_parked() {
  if (copying || ending != errc::none)
    return;
  auto parked = node->db->stream(where, parked_stream(key.stream, key.group));
  auto copies = node->db->stream(where, kept_stream(key.stream, key.group));
  if (!parked || !copies || !*parked || (*parked)->state != stream_state::live)
    return;
  auto copied = *copies ? (*copies)->next : event_number{};
  auto first =
    std::max({copied, core->checkpoint(lane::replay), (*parked)->first_live});
  if (first >= (*parked)->next)
    return;
  number_range asked{first, std::min<std::uint64_t>(
                              (*parked)->next.value - first.value, copies_max)};
  copying = true;
  ++outstanding; // the actor must not end in between
  self
    ->request(reader, caf::infinite, read_atom_v,
              request_for(lane::replay, asked.first, asked.count))
    .then(
      [this, asked](const resolved_events& events) {
        --outstanding;
        guard([&] { copy_these(asked, events); });
        end_if_done();
      },
      [this](const caf::error&) {
        --outstanding;
        copying = false; // until something is parked again, or a restart
        end_if_done();
      });
}

void group_state::copy_these(number_range asked,
                             const resolved_events& events) {
  if (ending != errc::none)
    return; // what is removed must not come back with a copy
  proposal what;
  what.kept_stream = kept_stream(key.stream, key.group);
  what.copies_from = asked.first;
  for (auto& one : events) {
    if (one.original->number >= asked.end())
      break;
    auto next = asked.first + what.copies.size();
    for (; next < one.original->number; next = next + 1)
      what.copies.push_back(copy_of(one.original->id, nullptr));
    what.copies.push_back(copy_of(one.original->id, one.resolved.get()));
  }
  if (what.copies.empty())
    return void(copying = false);
  ++outstanding;
  self->request(partition, caf::infinite, propose_atom_v, std::move(what))
    .then(
      [this](log_index) {
        --outstanding;
        copying = false;
        guard([&] { copy_parked(); });
        end_if_done();
      },
      [this](const caf::error& why) {
        --outstanding;
        failed(to_errc(why));
      });
}

/// Parked events of a range, as `read_range` gives them, with what is copied of
/// those that their streams do not have any more.
void group_state::read_parked(number_range asked, const parked_read& then) {
  ++outstanding; // the actor must not end before it has answered
  self
    ->request(reader, caf::infinite, read_atom_v,
              request_for(lane::replay, asked.first, asked.count))
    .then(
      [this, then](resolved_events& events) {
        --outstanding;
        bool whole = std::all_of(events.begin(), events.end(), [](auto& one) {
          return one.resolved != nullptr;
        });
        if (whole)
          then(errc::none, events);
        else
          read_copies(std::move(events), then);
        end_if_done();
      },
      [this, then](const caf::error& why) {
        --outstanding;
        resolved_events nothing;
        then(to_errc(why), nothing);
        end_if_done();
      });
}

void group_state::read_copies(resolved_events events, const parked_read& then) {
  auto missing = [](auto& one) { return one.resolved == nullptr; };
  auto first = std::find_if(events.begin(), events.end(), missing);
  auto row = node->db->stream(where, kept_stream(key.stream, key.group));
  auto from = (*first).original->number;
  if (!row || !*row || (*row)->state != stream_state::live
      || from >= (*row)->next)
    return then(errc::none, events);
  range_request asked{where,
                      (*row)->id,
                      std::max(from, (*row)->first_live),
                      events.back().original->number.value + 1 - from.value,
                      limits::page_bytes_max,
                      false};
  ++outstanding;
  self->request(reader, caf::infinite, read_atom_v, asked)
    .then(
      [this, then, known = std::move(events),
       end = (*row)->next](const resolved_events& copies) mutable {
        --outstanding;
        for (auto& one : copies) {
          auto link = std::find_if(known.begin(), known.end(), [&](auto& e) {
            return e.original->number == one.original->number;
          });
          if (link != known.end() && link->resolved == nullptr)
            link->resolved = event_in(*one.original);
        }
        // What the bytes of the copies have cut off is for the next read.
        auto read_up_to =
          copies.empty() ? end : copies.back().original->number + 1;
        auto behind = std::find_if(known.begin(), known.end(), [&](auto& e) {
          return e.resolved == nullptr && e.original->number >= read_up_to
                 && e.original->number < end;
        });
        known.erase(behind, known.end());
        then(errc::none, known);
        end_if_done();
      },
      [this, then](const caf::error& why) {
        --outstanding;
        resolved_events nothing;
        then(to_errc(why), nothing);
        end_if_done();
      });
}

} // namespace callboard
