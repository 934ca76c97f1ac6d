// The table of expected versions and repeats, row by row; then the writing.
#include "actors/core/stream_heads.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace callboard {

namespace {

std::int64_t current(const stream_row& head) noexcept {
  return std::int64_t(head.next.value) - 1;
}

/// The name of S, if this is `$$S`.
std::optional<std::string_view> described_by(std::string_view name) noexcept {
  if (!name.starts_with("$$") || name.size() == 2)
    return std::nullopt;
  return name.substr(2);
}

void raise_cut(stream_row& head, std::uint64_t first) noexcept {
  head.first_live.value =
    std::max(head.first_live.value, std::min(first, head.next.value));
}

/// `$tb` may lie beyond the end: it counts for what comes until then.
void obey_bounds(stream_row& head) noexcept {
  raise_cut(head, head.policy.truncate_before);
  if (auto count = head.policy.max_count; count > 0 && head.next.value > count)
    raise_cut(head, head.next.value - count);
}

/// What was in it stays invisible, and numbers go on.
void revive(stream_row& head) {
  // A delete for ever took the metadata along: what they said counts no more.
  if (head.state == stream_state::tombstoned)
    head.policy = {};
  head.state = stream_state::live;
  head.first_live = head.next;
  head.policy.truncate_before = head.next.value;
}

} // namespace

bool stream_heads::knows(std::string_view name) const {
  return heads_.find(name) != heads_.end();
}

void stream_heads::load(std::string name, std::optional<stream_row> row) {
  assert(!knows(name));
  heads_.emplace(std::move(name), std::move(row));
}

const stream_row* stream_heads::find(std::string_view name) const {
  auto found = heads_.find(name);
  assert(found != heads_.end());
  return found->second ? &*found->second : nullptr;
}

bool stream_heads::published(const uuid& id, std::string_view name) const {
  auto* head = find(name);
  return head != nullptr && recent_.find(id, head->id).has_value();
}

bool stream_heads::makes_room(const append_request& request) noexcept {
  auto& policy = request.policy;
  if (!policy
      || (policy->max_count == 0 && policy->max_age_seconds == 0
          && policy->truncate_before == 0))
    return false;
  std::size_t bytes = 0;
  for (auto& one : request.events)
    bytes += one.type.size() + one.data.size() + one.metadata.size();
  return bytes <= limits::room_bytes_max;
}

std::vector<std::string>
stream_heads::needs(const append_request& request) const {
  std::vector<std::string> out{request.stream};
  if (request.expected == expected_version::stream_exists)
    out.push_back(metadata_stream(request.stream));
  if (auto described = described_by(request.stream))
    out.emplace_back(*described);
  return out;
}

bool stream_heads::has_metadata(const std::string& name) const {
  auto* about = find(metadata_stream(name));
  return about != nullptr && about->next.value > 0;
}

stream_row& stream_heads::make(const std::string& name) {
  auto& head = heads_.find(name)->second;
  if (!head) {
    last_id_ = {last_id_.value + 1};
    head.emplace();
    head->id = last_id_;
  }
  return *head;
}

stream_heads::decision stream_heads::append(append_request& request,
                                            wall_time wall) {
  return decide(request, nullptr, wall);
}

stream_heads::decision
stream_heads::append_checked(append_request& request,
                             const std::vector<event_ptr>& stored,
                             wall_time wall) {
  return decide(request, &stored, wall);
}

stream_heads::decision
stream_heads::decide(append_request& request,
                     const std::vector<event_ptr>* stored, wall_time wall) {
  assert(!request.events.empty());
  decision out;
  static const stream_row absent{};
  auto* known = find(request.stream);
  switch (judge(request, known ? *known : absent, stored, out.reply)) {
    case verdict::refused:
    case verdict::repeated: return out;
    case verdict::compare:
      out.compare_stored = true;
      out.compare_from = {std::uint64_t(request.expected + 1)};
      return out;
    case verdict::write: break;
  }
  auto& head = make(request.stream);
  out.reply.first = write(head, std::move(request.events), out.what, wall);
  out.reply.current = current(head);
  out.what.changes.emplace_back(put_stream{request.stream, head});
  if (auto described = described_by(request.stream);
      described && request.policy)
    obey(std::string{*described}, *request.policy, out.what);
  return out;
}

stream_heads::verdict stream_heads::judge(const append_request& request,
                                          const stream_row& head,
                                          const std::vector<event_ptr>* stored,
                                          append_reply& reply) const {
  auto refuse = [&](errc why) {
    reply.error = why;
    reply.current = current(head);
    return verdict::refused;
  };
  if (head.state == stream_state::tombstoned)
    return refuse(errc::stream_deleted);
  if (request.expected == expected_version::stream_exists) {
    if (head.state == stream_state::soft_deleted)
      return refuse(errc::stream_deleted);
    if (head.next.value == 0 && !has_metadata(request.stream))
      return refuse(errc::wrong_version);
  }
  if (request.expected < expected_version::no_stream)
    return judge_known_ids(request, head, reply);
  if (request.expected == current(head))
    return verdict::write;
  if (request.expected > current(head))
    return refuse(errc::wrong_version);
  return judge_stored(request, head, stored, reply);
}

/// -2 and -4: the first id decides whether this was published before.
stream_heads::verdict
stream_heads::judge_known_ids(const append_request& request,
                              const stream_row& head,
                              append_reply& reply) const {
  auto first = recent_.find(request.events.front().id, head.id);
  if (!first || head.id.value == 0)
    return verdict::write;
  bool all =
    std::all_of(request.events.begin(), request.events.end(), [&](auto& e) {
      return recent_.find(e.id, head.id).has_value();
    });
  reply.current = current(head);
  if (!all) {
    reply.error = errc::wrong_version;
    return verdict::refused;
  }
  reply.first = *first;
  reply.repeated = true;
  return verdict::repeated;
}

/// expected < current: the events that follow it must be these, or it is wrong.
stream_heads::verdict stream_heads::judge_stored(
  const append_request& request, const stream_row& head,
  const std::vector<event_ptr>* stored, append_reply& reply) const {
  auto from = std::uint64_t(request.expected + 1);
  auto known = [&](std::size_t i) {
    return recent_.has(request.events[i].id, head.id, {from + i});
  };
  auto is_stored = [&](std::size_t i) { // they follow each other
    if (stored == nullptr || stored->empty())
      return false;
    auto at = from + i - stored->front()->number.value;
    return at < stored->size() && (*stored)[at]->number.value == from + i
           && (*stored)[at]->id == request.events[i].id;
  };
  std::size_t same = 0;
  while (same < request.events.size() && (known(same) || is_stored(same)))
    ++same;
  if (same == request.events.size()) {
    reply.first = {from};
    reply.current = current(head);
    reply.repeated = true;
    return verdict::repeated;
  }
  if (stored == nullptr && from + same < head.next.value)
    return verdict::compare;
  if (same == 0 && request.expected == expected_version::no_stream
      && head.state == stream_state::soft_deleted)
    return verdict::write;
  reply.error = errc::wrong_version;
  reply.current = current(head);
  return verdict::refused;
}

event_number stream_heads::write(stream_row& head,
                                 std::vector<new_event> events, record& into,
                                 wall_time wall) {
  if (head.state != stream_state::live)
    revive(head);
  auto first = head.next;
  into.events.reserve(into.events.size() + events.size());
  for (auto& one : events) {
    auto whole = std::make_shared<event>();
    static_cast<new_event&>(*whole) = std::move(one);
    whole->number = head.next;
    whole->created = wall;
    remember(whole->id, head.id, head.next);
    into.events.push_back({head.id, std::move(whole)});
    head.next = head.next + 1;
  }
  obey_bounds(head);
  return first;
}

void stream_heads::obey(const std::string& name, const stream_policy& policy,
                        record& into) {
  auto& head = make(name);
  head.policy = policy;
  if (head.state != stream_state::tombstoned) {
    // Only an event revives: metadata without `$tb` may be about anything else.
    if (policy.truncate_before >= truncate_all)
      head.state = stream_state::soft_deleted;
    obey_bounds(head);
  }
  into.changes.emplace_back(put_stream{name, head});
}

stream_heads::decision stream_heads::remove(const delete_request& request,
                                            wall_time) {
  decision out;
  static const stream_row absent{};
  auto* known = find(request.stream);
  auto& before = known ? *known : absent;
  out.reply.current = current(before);
  auto refuse = [&](errc why) {
    out.reply.error = why;
    return std::move(out);
  };
  if (before.state == stream_state::tombstoned)
    return refuse(errc::stream_deleted);
  bool any = request.expected == expected_version::any
             || (request.expected == expected_version::stream_exists
                 && before.next.value > 0);
  if (!any && request.expected != current(before))
    return refuse(errc::wrong_version);
  if (!request.hard) {
    if (before.state == stream_state::soft_deleted)
      return out; // as it was asked for
    if (before.next.value == 0)
      return refuse(errc::wrong_version);
  }
  auto hide = [&](const std::string& name, stream_state state) {
    auto& head = make(name);
    head.state = state;
    head.first_live = head.next;
    head.policy.truncate_before = truncate_all;
    out.what.changes.emplace_back(put_stream{name, head});
  };
  hide(request.stream,
       request.hard ? stream_state::tombstoned : stream_state::soft_deleted);
  if (request.hard)
    hide(metadata_stream(request.stream), stream_state::tombstoned);
  return out;
}

/// Else nobody could ever describe again what has come back.
void stream_heads::revive_metadata(const std::string& name, record& into) {
  auto about = metadata_stream(name);
  if (find(about) == nullptr)
    return;
  auto& head = make(about);
  if (head.state != stream_state::tombstoned)
    return;
  revive(head);
  into.changes.emplace_back(put_stream{about, head});
}

void stream_heads::append_links(const std::string& parked_stream,
                                std::vector<new_event> links,
                                std::optional<event_number> cut_below,
                                record& into, wall_time wall) {
  auto& head = make(parked_stream);
  if (!links.empty()) {
    if (head.state == stream_state::tombstoned)
      revive_metadata(parked_stream, into);
    write(head, std::move(links), into, wall);
  }
  if (cut_below)
    raise_cut(head, cut_below->value);
  into.changes.emplace_back(put_stream{parked_stream, head});
}

void stream_heads::append_copies(const std::string& kept_stream,
                                 event_number first,
                                 std::vector<new_event> copies, record& into,
                                 wall_time wall) {
  auto& head = make(kept_stream);
  if (head.next.value == 0)
    head.next = head.first_live = first;
  // Numbers of a stream have no gaps: what was settled before it was copied has
  // a copy of nothing. It has no id either: nobody comes with it again, and the
  // ids of clients are remembered for longer.
  if (head.next < first && !copies.empty()) {
    auto gap = first.value - head.next.value;
    bool closes = gap <= gap_events_max;
    std::vector<new_event> nothing(closes ? gap : gap_events_max);
    for (auto& one : nothing)
      one.type = copies.front().type;
    write(head, std::move(nothing), into, wall);
    raise_cut(head, first.value);
    if (!closes)
      return void(into.changes.emplace_back(put_stream{kept_stream, head}));
  }
  auto known =
    std::min<std::uint64_t>(head.next.value - first.value, copies.size());
  copies.erase(copies.begin(), copies.begin() + std::ptrdiff_t(known));
  if (copies.empty())
    return;
  write(head, std::move(copies), into, wall);
  into.changes.emplace_back(put_stream{kept_stream, head});
}

void stream_heads::cut(const std::string& name, event_number first,
                       record& into) {
  auto& head = make(name);
  if (first <= head.first_live)
    return;
  raise_cut(head, first.value);
  into.changes.emplace_back(put_stream{name, head});
}

} // namespace callboard
