// Pages forwards and backwards; links one level deep.
#include "actors/read_page.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/core/topics.hpp"

#include <algorithm>

namespace callboard {

namespace {

using events_or_none = result<std::optional<std::vector<event_ptr>>>;

events_or_none fetch(const reading& from, partition_id p, stream_id id,
                     event_number first, std::size_t count,
                     std::size_t bytes_max, read_from where) {
  if (count == 0)
    return std::optional{std::vector<event_ptr>{}};
  auto quick = from.db.try_read(p, id, first, count, bytes_max);
  if (quick || where == read_from::memory)
    return quick;
  auto slow = from.db.read(p, id, first, count, bytes_max);
  if (!slow)
    return slow.error();
  return std::optional{std::move(*slow)};
}

bool visible(const stream_row& head, event_number number) noexcept {
  return head.state == stream_state::live && number >= head.first_live
         && number < head.next;
}

/// The event behind a link; nothing inside: it cannot be resolved.
result<std::optional<resolved_event>> resolve(const reading& from,
                                              event_ptr link, read_from where) {
  resolved_event out{link, nullptr, {}};
  auto parsed = parse_link(link->data);
  if (!parsed)
    return std::optional{std::move(out)};
  auto number = parsed->first;
  auto name = canonical_stream(from.placement, parsed->second);
  out.target = name;
  auto p = from.placement.home_of(name);
  auto head = from.db.stream(p, name);
  if (!head)
    return head.error();
  if (!*head || !visible(**head, number))
    return std::optional{std::move(out)};
  auto found = fetch(from, p, (*head)->id, number, 1, 1, where);
  if (!found)
    return found.error();
  if (!*found)
    return std::optional<resolved_event>{};
  if (!(*found)->empty() && (*found)->front()->number == number
      && (*found)->front()->created
           >= oldest_visible((*head)->policy, from.wall))
    out.resolved = (*found)->front();
  return std::optional{std::move(out)};
}

/// What links stand for counts too: ends at `bytes_max`, behind one event at
/// least. False: not all of it is in memory.
result<bool> resolve_all(const reading& from,
                         const std::vector<event_ptr>& events,
                         bool resolve_links, std::size_t bytes_max,
                         read_from where, resolved_events& into) {
  into.reserve(events.size());
  std::size_t bytes = 0;
  for (auto& e : events) {
    if (!into.empty()) {
      bytes += memory_bytes(into.back());
      if (resolve_links && bytes >= bytes_max)
        break;
    }
    if (!resolve_links || !is_link(*e)) {
      into.push_back({e, e, {}});
      continue;
    }
    auto one = resolve(from, e, where);
    if (!one)
      return one.error();
    if (!*one)
      return false;
    into.push_back(std::move(**one));
  }
  return true;
}

/// The numbers that a page covers: [first, first + count), and the bytes that
/// end it.
struct window {
  event_number first;
  std::size_t count = 0;
  std::size_t bytes_max = 0;
};

std::uint64_t asked_first(const read_request& what) {
  return what.from.value_or(event_number{0}).value;
}

std::uint64_t asked_last(const stream_row& head, const read_request& what) {
  return what.from.value_or(event_number{head.next.value - 1}).value;
}

window window_of(const stream_row& head, const read_request& what) {
  auto live = head.next.value - head.first_live.value;
  auto count = std::min<std::uint64_t>(what.count, limits::page_events_max);
  auto bytes_max = count > limits::cut_page_events_max
                     ? limits::whole_page_bytes_max
                     : limits::page_bytes_max;
  if (what.towards == direction::forward) {
    // The page is [from, from + count), whatever of it exists.
    auto first = std::max(asked_first(what), head.first_live.value);
    auto end = std::min(asked_first(what) + count, head.next.value);
    return {{first}, first < end ? end - first : 0, bytes_max};
  }
  if (live == 0 || (what.from && *what.from < head.first_live))
    return {head.first_live, 0, bytes_max};
  // The page is [from - count + 1, from], whatever of it exists.
  auto last = asked_last(head, what);
  auto lowest = last + 1 >= count ? last + 1 - count : 0;
  auto first = std::max(lowest, head.first_live.value);
  auto end = std::min(last + 1, head.next.value);
  return {{first}, first < end ? end - first : 0, bytes_max};
}

/// As the store counts them.
std::size_t bytes_of(const std::vector<event_ptr>& events) {
  std::size_t bytes = 0;
  for (auto& e : events)
    bytes += memory_bytes(*e);
  return bytes;
}

bool is_cut_short(const std::vector<event_ptr>& events, const window& all) {
  return events.size() < all.count && bytes_of(events) >= all.bytes_max;
}

/// Whether events cannot be found that the stream's row says are there, and
/// still says so now.
bool misses_some(const reading& from, partition_id p, const std::string& stream,
                 const std::vector<event_ptr>& events, const window& all) {
  if (events.size() >= all.count || is_cut_short(events, all))
    return false;
  auto head = from.db.stream(p, stream);
  return head && *head && (*head)->state == stream_state::live
         && (*head)->first_live <= all.first;
}

/// Events [first, end); only the first ones, if they have more bytes.
events_or_none fetch_piece(const reading& from, partition_id p, stream_id id,
                           std::uint64_t first, std::uint64_t end,
                           std::size_t bytes_max, read_from where) {
  std::vector<event_ptr> out;
  std::size_t bytes = 0;
  for (auto at = first; at < end && bytes < bytes_max;) {
    auto some = fetch(from, p, id, {at}, end - at, bytes_max - bytes, where);
    if (!some || !*some)
      return some;
    std::erase_if(**some, [&](auto& e) { return e->number.value >= end; });
    if ((*some)->empty())
      break;
    at = (*some)->back()->number.value + 1;
    bytes += bytes_of(**some);
    out.insert(out.end(), (*some)->begin(), (*some)->end());
  }
  return std::optional{std::move(out)};
}

/// The newest events of a range: read from its end in pieces, so that a bound
/// in bytes cuts off the oldest ones.
events_or_none fetch_newest(const reading& from, partition_id p, stream_id id,
                            window all, read_from where) {
  constexpr std::uint64_t piece_events_max = 128;
  auto piece_events = piece_events_max;
  std::vector<event_ptr> out;
  std::size_t bytes = 0;
  for (auto end = all.first.value + all.count;
       end > all.first.value && bytes < all.bytes_max;) {
    auto first = std::max(all.first.value, end - std::min(end, piece_events));
    auto piece = fetch_piece(from, p, id, first, end, all.bytes_max, where);
    if (!piece || !*piece)
      return piece;
    auto size = bytes_of(**piece);
    if (size >= all.bytes_max && (*piece)->back()->number.value + 1 < end) {
      piece_events = (*piece)->size(); // large: the newest are not among them
      continue;
    }
    piece_events = std::min(2 * piece_events, piece_events_max);
    bytes += size;
    out.insert(out.end(), (*piece)->begin(), (*piece)->end());
    end = first;
  }
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return x->number < y->number; });
  return std::optional{std::move(out)};
}

/// What a page covers that is not cut short: all that was asked for, and what
/// is gone behind it.
std::size_t covered_by(const stream_row& head, const read_request& what) {
  auto from = asked_first(what);
  return what.towards == direction::forward && from < head.first_live.value
           ? std::max(what.count, head.first_live.value - from)
           : what.count;
}

/// What follows this event in reading order is left to the next page.
void end_at(event_page& page, event_number last, const read_request& what) {
  page.covered = what.towards == direction::forward
                   ? last.value + 1 - asked_first(what)
                   : asked_last(*page.head, what) + 1 - last.value;
  page.end_of_stream = false;
}

bool ends_stream(const stream_row& head, const read_request& what) {
  if (what.towards == direction::forward)
    return asked_first(what) + what.count >= head.next.value;
  return asked_last(head, what) + 1 <= head.first_live.value + what.count;
}

} // namespace

result<resolved_event> resolve_link(const reading& from,
                                    const event_ptr& link) {
  auto out = resolve(from, link, read_from::anywhere);
  if (!out)
    return out.error();
  return std::move(**out);
}

event_number first_readable(const stream_row& row) noexcept {
  return row.state == stream_state::live ? row.first_live : row.next;
}

wall_time oldest_visible(const stream_policy& policy, wall_time wall) noexcept {
  auto age = policy.max_age_seconds;
  if (age == 0 || age > wall.value / 1000)
    return {};
  return {wall.value - age * 1000};
}

result<std::optional<event_page>> read_page(const reading& from, partition_id p,
                                            const read_request& what,
                                            read_from where) {
  auto head = from.db.stream(p, what.stream);
  if (!head)
    return head.error();
  event_page page;
  page.head = std::move(*head);
  if (!page.head || page.head->state != stream_state::live)
    return std::optional{std::move(page)};
  auto all = window_of(*page.head, what);
  auto [first, count, bytes_max] = all;
  auto found = what.towards == direction::forward
                 ? fetch(from, p, page.head->id, first, count, bytes_max, where)
                 : fetch_newest(from, p, page.head->id, all, where);
  if (!found)
    return found.error();
  if (!*found)
    return std::optional<event_page>{};
  auto& events = **found;
  if (misses_some(from, p, what.stream, events, all))
    return errc::corrupt;
  page.covered = covered_by(*page.head, what);
  page.end_of_stream = ends_stream(*page.head, what);
  if (!events.empty() && is_cut_short(events, all))
    end_at(page,
           what.towards == direction::forward ? events.back()->number
                                              : events.front()->number,
           what);
  auto oldest = oldest_visible(page.head->policy, from.wall);
  std::erase_if(events, [&](auto& e) {
    return e->created < oldest || e->number < first
           || e->number >= first + count;
  });
  if (what.towards == direction::backward)
    std::reverse(events.begin(), events.end());
  auto whole = resolve_all(from, events, what.resolve_links, bytes_max, where,
                           page.events);
  if (!whole)
    return whole.error();
  if (!*whole)
    return std::optional<event_page>{};
  if (page.events.size() < events.size())
    end_at(page, page.events.back().original->number, what);
  return std::optional{std::move(page)};
}

event_page page_of_one(const stream_row& head, const event_ptr& only,
                       const read_request& what) {
  event_page out;
  out.head = head;
  out.covered = covered_by(head, what);
  out.end_of_stream = ends_stream(head, what);
  auto all = window_of(head, what);
  if (only->number >= all.first && only->number < all.first + all.count)
    out.events.push_back({only, only, {}});
  return out;
}

result<std::optional<resolved_events>>
read_range(const reading& from, const range_request& what, read_from where) {
  auto found = fetch(from, what.partition, what.id, what.from, what.count,
                     what.bytes_max, where);
  if (!found)
    return found.error();
  if (!*found)
    return std::optional<resolved_events>{};
  resolved_events out;
  auto whole =
    resolve_all(from, **found, what.resolve_links, what.bytes_max, where, out);
  if (!whole)
    return whole.error();
  if (!*whole)
    return std::optional<resolved_events>{};
  return std::optional{std::move(out)};
}

result<std::vector<event_ptr>>
read_to_compare(const store& db, partition_id p, stream_id s,
                event_number first, const std::vector<new_event>& with) {
  auto one = db.read(p, s, first, 1, 1);
  if (!one)
    return one;
  // If it was erased, the ids in memory may still know it.
  if (!one->empty() && one->front()->id != with.front().id)
    return one;
  return db.read(p, s, first, with.size(), limits::append_bytes_max);
}

} // namespace callboard
