// Merge by position, look up each stream once, fetch events some at a time.
#include "actors/read_all.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace callboard {

namespace {

constexpr std::size_t runs_at_once_min = 16;
constexpr std::size_t runs_at_once_max = 512;

/// Events of one stream that are read together, in the hope that the next runs
/// ask for them.
constexpr std::uint64_t ahead_events = 32;
constexpr std::size_t ahead_bytes = std::size_t{256} << 10;

/// The runs of all partitions that reach into [from, to), in one order.
class merged_order {
public:
  merged_order(const reading& from, log_position low, log_position high,
               reading_order order, std::size_t at_once)
      : from_(from), order_(order), at_once_(at_once) {
    for (std::size_t p = 0; p < from.placement.partitions(); ++p)
      sources_.push_back({{p}, low, high, {}, 0, false});
  }

  /// The run that comes next, or null: there is none.
  result<const ordered_run*> peek() {
    const ordered_run* best = nullptr;
    for (auto& one : sources_) {
      if (auto done = fill(one); !done)
        return done.error();
      if (one.at == one.runs.size())
        continue;
      auto& run = one.runs[one.at];
      if (best == nullptr || (run.first < best->first) == forward()) {
        best = &run;
        next_ = &one;
      }
    }
    return best;
  }

  /// Over the one that `peek` showed.
  void pop() { ++next_->at; }

private:
  struct source {
    partition_id p;
    log_position low;
    log_position high;
    std::vector<ordered_run> runs;
    std::size_t at = 0;
    bool done = false;
  };

  bool forward() const { return order_ == reading_order::oldest_first; }

  result<void> fill(source& s) {
    if (s.done || s.at < s.runs.size())
      return {};
    if (!s.runs.empty())
      (forward() ? s.low : s.high) =
        forward() ? s.runs.back().end() : s.runs.back().first;
    auto some = from_.db.order(s.p, s.low, s.high, at_once_, order_);
    if (!some)
      return some.error();
    s.done = some->size() < at_once_;
    s.runs = std::move(*some);
    s.at = 0;
    return {};
  }

  const reading& from_;
  reading_order order_;
  std::size_t at_once_;
  std::vector<source> sources_;
  source* next_ = nullptr;
};

/// What a page knows of the streams it meets.
class stream_book {
public:
  struct entry {
    std::string name;
    event_number first; // visible ones lie in [first, end)
    event_number end;
    wall_time oldest;
    std::vector<event_ptr> read; // some of them, without a gap
  };

  stream_book(const reading& from, reading_order order)
      : from_(from), order_(order) {}

  result<entry*> find(partition_id p, stream_id s) {
    auto [at, fresh] = entries_.try_emplace({p, s});
    if (fresh)
      if (auto done = look_up(p, s, at->second); !done)
        return done.error();
    return &at->second;
  }

  /// The event, or null: it was erased meanwhile.
  result<event_ptr> event_of(partition_id p, stream_id s, entry& of,
                             event_number number) {
    if (auto known = among(of.read, number))
      return known;
    auto ahead = std::min(ahead_, order_ == reading_order::oldest_first
                                    ? of.end.value - number.value
                                    : number.value - of.first.value + 1);
    auto first = order_ == reading_order::oldest_first
                   ? number
                   : event_number{number.value + 1 - ahead};
    for (auto [from, count] :
         {std::pair{first, ahead}, std::pair{number, std::uint64_t{1}}}) {
      auto some = from_.db.read(p, s, from, count, ahead_bytes);
      if (!some)
        return some.error();
      keep(std::move(*some), of);
      if (auto known = among(of.read, number))
        return known;
    }
    return event_ptr{};
  }

private:
  static std::size_t bytes_of(const std::vector<event_ptr>& some) {
    std::size_t out = 0;
    for (auto& one : some)
      out += memory_bytes(*one);
    return out;
  }

  /// A page may meet thousands of streams. Once what is read ahead of them all
  /// is more than a page, it is dropped, and no more is read than is asked for.
  void keep(std::vector<event_ptr> some, entry& of) {
    held_ += bytes_of(some);
    held_ -= bytes_of(of.read);
    of.read = std::move(some);
    if (held_ <= limits::page_bytes_max)
      return;
    ahead_ = 1;
    for (auto& [where, other] : entries_)
      if (&other != &of)
        other.read.clear();
    held_ = bytes_of(of.read);
  }

  static event_ptr among(const std::vector<event_ptr>& some,
                         event_number number) {
    if (some.empty() || number < some.front()->number
        || number > some.back()->number)
      return nullptr;
    return some[number.value - some.front()->number.value];
  }

  result<void> look_up(partition_id p, stream_id s, entry& into) {
    auto name = from_.db.stream_name(p, s);
    if (!name)
      return name.error();
    if (!*name)
      return errc::corrupt; // it comes with the stream's first event
    into.name = std::move(**name);
    auto row = from_.db.stream(p, into.name);
    if (!row)
      return row.error();
    if (!*row)
      return errc::corrupt; // as its name
    if ((*row)->state == stream_state::live) {
      into.first = (*row)->first_live;
      into.end = (*row)->next;
      into.oldest = oldest_visible((*row)->policy, from_.wall);
    }
    return {};
  }

  const reading& from_;
  reading_order order_;
  std::map<std::pair<partition_id, stream_id>, entry> entries_;
  std::uint64_t ahead_ = ahead_events;
  std::size_t held_ = 0; // bytes of what `read` has, of all entries
};

/// Puts a page together, event by event, until something is used up.
class page_maker {
public:
  page_maker(const reading& from, const all_request& what, log_position end)
      : from_(from), what_(what), order_(order_of(what)),
        low_(forward() ? what.from.value_or(log_position{}) : log_position{}),
        high_(forward() ? end : std::min(what.from.value_or(end), end)),
        border_(forward() ? std::min(low_, end) : high_),
        runs_(from, low_, high_, order_,
              std::clamp(what.count, runs_at_once_min, runs_at_once_max)),
        streams_(from, order_) {
    page_.end = end;
    page_.until = what.until;
  }

  result<all_page> make() {
    while (!full_) {
      auto run = runs_.peek();
      if (!run)
        return run.error();
      if (*run == nullptr)
        break;
      looked();
      if (auto done = take(**run); !done)
        return done.error();
      if (!full_)
        runs_.pop();
    }
    return finish();
  }

private:
  static reading_order order_of(const all_request& what) {
    return what.towards == direction::forward ? reading_order::oldest_first
                                              : reading_order::newest_first;
  }

  bool forward() const { return order_ == reading_order::oldest_first; }

  /// At a run, or at an event that is to be read.
  void looked() { full_ = ++looked_at_ >= limits::page_runs_max; }

  /// The events of a run that the page reaches, up to where it is full.
  result<void> take(const ordered_run& run) {
    auto p = run.first.partition();
    auto stream = streams_.find(p, run.stream);
    if (!stream)
      return stream.error();
    auto first = low_ > run.first ? low_.place - run.first.place : 0;
    auto count = high_ < run.end() ? high_.place - run.first.place : run.count;
    if (run.number + run.count <= (*stream)->first
        || run.number >= (*stream)->end) {
      border_ = forward() ? run.first + count : run.first + first;
      return {};
    }
    for (auto left = count - first; left > 0; --left) {
      if (full_)
        return {};
      auto i = forward() ? count - left : first + left - 1;
      auto done =
        look_at(p, run.stream, **stream, run.number + i, run.first + i);
      if (!done)
        return done;
      border_ = forward() ? run.first + i + 1 : run.first + i;
    }
    return {};
  }

  result<void> look_at(partition_id p, stream_id s, stream_book::entry& stream,
                       event_number number, log_position position) {
    if (number < stream.first || number >= stream.end)
      return {};
    looked();
    auto e = streams_.event_of(p, s, stream, number);
    if (!e)
      return e.error();
    if (*e == nullptr || (*e)->created < stream.oldest)
      return {};
    ++seen_;
    if (!what_.filter || (*what_.filter)(stream.name, **e))
      if (auto done = add(*e, stream.name, position); !done)
        return done;
    full_ = full_ || page_.events.size() >= what_.count || seen_ >= what_.window
            || bytes_ >= limits::page_bytes_max;
    return {};
  }

  result<void> add(const event_ptr& e, const std::string& stream,
                   log_position position) {
    resolved_event shown{e, e, {}};
    if (what_.resolve_links && is_link(*e)) {
      auto resolved = resolve_link(from_, e);
      if (!resolved)
        return resolved.error();
      shown = std::move(*resolved);
    }
    bytes_ += memory_bytes(*e);
    if (shown.resolved != nullptr && shown.resolved != e)
      bytes_ += memory_bytes(*shown.resolved);
    page_.events.push_back({std::move(shown), stream, position});
    return {};
  }

  result<all_page> finish() {
    auto more = runs_.peek();
    if (!more)
      return more.error();
    // The run it stopped in may have been its last one.
    page_.end_reached = forward() ? *more == nullptr || border_ >= high_
                                  : *more == nullptr || nothing_older(**more);
    if (forward()) {
      page_.older = std::min(low_, page_.end);
      page_.newer = page_.end_reached ? page_.end : border_;
    } else {
      page_.newer = high_;
      page_.older = page_.end_reached ? log_position{} : border_;
    }
    return std::move(page_);
  }

  bool nothing_older(const ordered_run& stopped_in) {
    if (border_ > stopped_in.first)
      return false;
    runs_.pop();
    auto next = runs_.peek();
    return next && *next == nullptr;
  }

  const reading& from_;
  const all_request& what_;
  reading_order order_;
  log_position low_;
  log_position high_;
  log_position border_; // what was looked at ends here
  merged_order runs_;
  stream_book streams_;
  all_page page_;
  std::size_t seen_ = 0;
  std::size_t bytes_ = 0;
  std::size_t looked_at_ = 0;
  bool full_ = false;
};

/// Behind the newest event of all.
result<log_position> end_of_all(const reading& from, wall_time until) {
  log_position out;
  for (std::size_t p = 0; p < from.placement.partitions(); ++p) {
    auto newest = from.db.order({p}, {}, log_position::behind(until), 1,
                                reading_order::newest_first);
    if (!newest)
      return newest.error();
    if (!newest->empty())
      out = std::max(out, newest->front().end());
  }
  return out;
}

} // namespace

result<all_page> read_all(const reading& from, const all_request& what) {
  auto end = end_of_all(from, what.until);
  if (!end)
    return end.error();
  return page_maker{from, what, *end}.make();
}

} // namespace callboard
