// Names, kinds and sentences.
#include "net/delayed_names.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/pending_counts.hpp"
#include "actors/core/scheduled.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace callboard {

namespace {

constexpr std::array kinds{
  std::pair{delayed_kind::lease_end, std::string_view{"lease-end"}},
  std::pair{delayed_kind::retry_due, std::string_view{"retry"}},
  std::pair{delayed_kind::retention, std::string_view{"retention"}},
  std::pair{delayed_kind::session_end, std::string_view{"session-end"}},
  std::pair{delayed_kind::publish, std::string_view{"publish"}},
  std::pair{delayed_kind::recurring, std::string_view{"recurring"}},
  std::pair{delayed_kind::resume, std::string_view{"resume"}},
  std::pair{delayed_kind::replay, std::string_view{"replay"}},
  std::pair{delayed_kind::announce, std::string_view{"announce"}},
  std::pair{delayed_kind::bulk, std::string_view{"bulk"}},
  std::pair{delayed_kind::forget, std::string_view{"forget"}}};

std::string hex(std::uint64_t x) {
  char digits[16];
  auto end = std::to_chars(digits, digits + sizeof digits, x, 16).ptr;
  return {digits, end};
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t out = 0;
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, out, base);
  if (text.empty() || failed != std::errc{} || stop != end)
    return std::nullopt;
  return out;
}

} // namespace

std::string scheduled_name(partition_id partition, const uuid& id) {
  return "p" + std::to_string(partition.value) + "-" + to_string(id);
}

std::string stored_name(partition_id partition, wall_time due, delayed_id id) {
  return "p" + std::to_string(partition.value) + "-" + hex(due.value) + "-"
         + hex(id.value);
}

std::string delayed_name(const delayed_item& item) {
  if (may_be_changed(item.what.kind))
    if (auto body = unpack_body(item.what.body))
      return scheduled_name(item.partition, body->id);
  return stored_name(item.partition, item.what.due, item.what.id);
}

std::optional<delayed_ref> parse_delayed_name(std::string_view text) {
  constexpr std::size_t uuid_characters = 36;
  auto dash = text.find('-');
  if (!text.starts_with('p') || dash == std::string_view::npos)
    return std::nullopt;
  auto partition = number(text.substr(1, dash - 1), 10);
  text.remove_prefix(dash + 1);
  if (!partition)
    return std::nullopt;
  delayed_ref out{{*partition}, {}};
  if (text.size() == uuid_characters) {
    out.scheduled = parse_uuid(text);
    return out.scheduled ? std::optional{out} : std::nullopt;
  }
  dash = text.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  auto due = number(text.substr(0, dash), 16);
  auto id = number(text.substr(dash + 1), 16);
  if (!due || !id)
    return std::nullopt;
  out.due = {*due};
  out.id = {*id};
  return out;
}

std::string_view name_of(delayed_kind kind) noexcept {
  for (auto& [one, name] : kinds)
    if (one == kind)
      return name;
  return "other";
}

std::optional<delayed_kind> parse_kind(std::string_view name) noexcept {
  for (auto& [kind, one] : kinds)
    if (one == name)
      return kind;
  return std::nullopt;
}

std::string why_of(const delayed_message& what) {
  auto group = "group " + what.group + " of stream " + what.stream;
  switch (what.kind) {
    case delayed_kind::lease_end:
      return "A lease in " + group
             + " ends: what is not settled by then is delivered again or "
               "parked.";
    case delayed_kind::retry_due:
      return "Events of " + group + " are delivered again.";
    case delayed_kind::retention:
      return "Events of stream " + what.stream
             + " that are too old are erased ($maxAge).";
    case delayed_kind::session_end:
      return "Consumer " + what.stream
             + " is taken out of its group if it was silent until then.";
    case delayed_kind::publish:
      return "An event is appended to stream " + what.stream + ".";
    case delayed_kind::recurring:
      return "The next event of a schedule is appended to stream " + what.stream
             + ".";
    case delayed_kind::resume: return "The pause of " + group + " is over.";
    case delayed_kind::replay:
      return "The next parked events of " + group + " are replayed.";
    case delayed_kind::announce:
      return "Something that happened is appended to $callboard-events.";
    case delayed_kind::bulk:
      return "The next step of a change of many delayed messages, or its "
             "outcome is forgotten.";
    case delayed_kind::forget:
      return "History of " + group + " that is old enough is erased.";
  }
  return {};
}

} // namespace callboard
