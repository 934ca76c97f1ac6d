// Random records over maps, and the comparison with a store.
#include "tests/power_loss/partition_model.hpp"

#include <algorithm>
#include <iterator>

namespace callboard::test {

namespace {

constexpr std::uint64_t streams_max = 4;
constexpr std::uint64_t groups_max = 4;
constexpr std::size_t page_bytes = std::size_t{1} << 20;

uuid random_id(random_source& random) {
  uuid id;
  for (auto& byte : id.bytes)
    byte = std::uint8_t(below(random, 256));
  return id;
}

/// Mostly small; now and then more than a block, or many pieces.
std::size_t random_length(random_source& random) {
  switch (below(random, 16)) {
    case 0: return 0;
    case 1: return 4000 + below(random, 200);
    case 2: return 9000 + below(random, 4000);
    default: return below(random, 500);
  }
}

std::string name(const char* kind, std::uint64_t number) {
  return std::string{kind} + "-" + std::to_string(number);
}

template <class Value>
std::string unreadable(const char* what, const result<Value>& got,
                       errc& error) {
  error = got.error();
  return std::string{what} + ": " + std::string{to_string(error)};
}

} // namespace

std::string bytes_of(random_source& random, std::size_t length) {
  std::string out(length, '\0');
  for (auto& c : out)
    c = char(below(random, 256));
  return out;
}

record partition_model::next(random_source& random) const {
  record out;
  out.at = at_ + below(random, 50);
  if (below(random, 4) != 0)
    append_events(random, out);
  if (below(random, 2) != 0)
    change_groups(random, out);
  if (below(random, 3) == 0 || out.empty())
    change_delayed(random, out);
  return out;
}

void partition_model::append_events(random_source& random, record& into) const {
  put_stream put{name("stream", below(random, streams_max)), {}};
  auto known = streams_.find(put.name);
  if (known != streams_.end())
    put.row = known->second.row;
  else
    put.row.id = {streams_.size() + 1};
  for (auto left = 1 + below(random, 3); left > 0; --left) {
    auto what = std::make_shared<event>();
    what->id = random_id(random);
    what->type = name("type", below(random, 5));
    what->data = bytes_of(random, random_length(random));
    what->metadata = bytes_of(random, below(random, 4) == 0 ? 40 : 0);
    what->is_json = below(random, 2) == 0;
    what->number = put.row.next;
    what->created = into.at;
    put.row.next = put.row.next + 1;
    into.events.push_back({put.row.id, what});
  }
  if (below(random, 10) == 0)
    put.row.first_live = {std::max(put.row.first_live.value,
                                   below(random, put.row.next.value + 1))};
  if (below(random, 10) == 0)
    put.row.policy.acl = bytes_of(random, below(random, 300));
  into.changes.emplace_back(std::move(put));
}

void partition_model::change_groups(random_source& random, record& into) const {
  auto number = below(random, groups_max);
  std::pair key{name("stream", number % streams_max), name("group", number)};
  auto known = groups_.find(key);
  group_id id{number + 1};
  if (known != groups_.end() && below(random, 30) == 0) {
    into.changes.emplace_back(erase_group{key.first, key.second});
    for (auto& [at, run] : runs_)
      if (std::get<0>(at) == id)
        into.changes.emplace_back(erase_run{id, run.in, run.first});
    return;
  }
  group_row row = known == groups_.end() ? group_row{} : known->second;
  row.id = id;
  row.settings.max_retry_count = std::int32_t(below(random, 20));
  row.settings.retries.factor = 1.0 + double(below(random, 100)) / 7;
  row.settled += below(random, 1000);
  row.next_lease = {row.next_lease.value + 1};
  into.changes.emplace_back(put_group{key.first, key.second, row});
  for (auto left = below(random, 4); left > 0; --left) {
    run_row run{lane(below(random, 2)),
                {below(random, 60)},
                1 + below(random, 5),
                run_state(below(random, 3)),
                std::uint32_t(below(random, 9)),
                {below(random, 1 << 20)},
                {below(random, 1ULL << 41)}};
    if (runs_.contains({id, run.in, run.first}) && below(random, 2) == 0)
      into.changes.emplace_back(erase_run{id, run.in, run.first});
    else
      into.changes.emplace_back(put_run{id, run});
  }
}

void partition_model::change_delayed(random_source& random,
                                     record& into) const {
  for (auto left = 1 + below(random, 3); left > 0; --left) {
    if (!delayed_.empty() && below(random, 2) == 0) {
      auto gone = delayed_.begin();
      std::advance(gone, std::ptrdiff_t(below(random, delayed_.size())));
      into.changes.emplace_back(
        erase_delayed{gone->first.first, gone->first.second});
    } else {
      into.changes.emplace_back(
        put_delayed{{{1 + below(random, 1ULL << 30)},
                     into.at + below(random, 1 << 20),
                     delayed_kind(1 + below(random, 3)),
                     name("stream", below(random, streams_max)),
                     name("group", below(random, groups_max)),
                     below(random, 1 << 16)}});
    }
  }
}

void partition_model::apply(const record& what) {
  applied_ = {applied_.value + 1};
  at_ = what.at;
  for (auto& change : what.changes)
    if (auto* stream = std::get_if<put_stream>(&change))
      streams_[stream->name].row = stream->row;
    else if (auto* group = std::get_if<put_group>(&change))
      groups_[{group->stream, group->group}] = group->row;
    else if (auto* no_group = std::get_if<erase_group>(&change))
      groups_.erase({no_group->stream, no_group->group});
    else if (auto* run = std::get_if<put_run>(&change))
      runs_[{run->group, run->row.in, run->row.first}] = run->row;
    else if (auto* no_run = std::get_if<erase_run>(&change))
      runs_.erase({no_run->group, no_run->in, no_run->first});
    else if (auto* later = std::get_if<put_delayed>(&change))
      delayed_[{later->message.due, later->message.id}] = later->message;
    else if (auto* never = std::get_if<erase_delayed>(&change))
      delayed_.erase({never->due, never->id});
  for (auto& one : what.events) {
    ids_.push_back({one.what->id, one.stream, one.what->number});
    for (auto& [_, stream] : streams_)
      if (stream.row.id == one.stream)
        stream.events.push_back(one.what);
  }
}

std::string partition_model::difference(const store& from, errc& error) const {
  for (auto compare :
       {&partition_model::stream_difference, &partition_model::group_difference,
        &partition_model::delayed_difference, &partition_model::id_difference})
    if (auto found = (this->*compare)(from, error); !found.empty())
      return "partition " + std::to_string(partition_.value) + " at index "
             + std::to_string(applied_.value) + ": " + found;
  return {};
}

std::string partition_model::stream_difference(const store& from,
                                               errc& error) const {
  auto got = from.streams(partition_, {}, streams_max + 1);
  if (!got)
    return unreadable("streams", got, error);
  if (got->size() != streams_.size())
    return std::to_string(got->size()) + " streams instead of "
           + std::to_string(streams_.size());
  auto expected = streams_.begin();
  for (auto& [stream, row] : *got) {
    if (stream != expected->first || row != expected->second.row)
      return "the row of stream " + expected->first;
    if (auto found = event_difference(from, expected->second, error);
        !found.empty())
      return "stream " + stream + ": " + found;
    ++expected;
  }
  return {};
}

std::string partition_model::event_difference(const store& from,
                                              const stream_model& expected,
                                              errc& error) const {
  auto& row = expected.row;
  for (auto at = row.first_live; at < row.next;) {
    auto got =
      from.read(partition_, row.id, at, row.next.value - at.value, page_bytes);
    if (!got)
      return unreadable("events", got, error);
    if (got->empty())
      return "event " + std::to_string(at.value) + " is missing";
    for (auto& one : *got) {
      if (one->number > at)
        return "event " + std::to_string(at.value) + " is missing";
      if (at >= row.next || *one != *expected.events.at(at.value))
        return "event " + std::to_string(at.value) + " is not what was written";
      at = at + 1;
    }
  }
  return {};
}

std::string partition_model::group_difference(const store& from,
                                              errc& error) const {
  auto got = from.groups(partition_);
  if (!got)
    return unreadable("groups", got, error);
  if (got->size() != groups_.size())
    return std::to_string(got->size()) + " groups instead of "
           + std::to_string(groups_.size());
  for (auto& one : *got) {
    auto expected = groups_.find({one.stream, one.group});
    if (expected == groups_.end() || expected->second != one.row)
      return "the row of group " + one.stream + "/" + one.group;
  }
  for (std::uint64_t g = 1; g <= groups_max; ++g) {
    auto rows = from.runs(partition_, {g});
    if (!rows)
      return unreadable("runs", rows, error);
    std::vector<run_row> expected;
    for (auto& [key, run] : runs_)
      if (std::get<0>(key).value == g)
        expected.push_back(run);
    if (*rows != expected)
      return "the runs of group " + std::to_string(g);
  }
  return {};
}

std::string partition_model::delayed_difference(const store& from,
                                                errc& error) const {
  auto got =
    from.delayed(partition_, {0}, {0}, {UINT64_MAX}, delayed_.size() + 1);
  if (!got)
    return unreadable("delayed messages", got, error);
  std::vector<delayed_message> expected;
  for (auto& [_, message] : delayed_)
    expected.push_back(message);
  return *got == expected ? std::string{} : "the delayed messages";
}

std::string partition_model::id_difference(const store& from,
                                           errc& error) const {
  auto got = from.recent_ids(partition_);
  if (!got)
    return unreadable("recent ids", got, error);
  return *got == ids_ ? std::string{} : "the recent ids";
}

} // namespace callboard::test
