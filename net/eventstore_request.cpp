// Parsers of one value each.
#include "net/eventstore_request.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/core/time_text.hpp"
#include "net/ascii.hpp"

#include <algorithm>
#include <charconv>

namespace callboard {

namespace {

/// A parked stream is named after stream and group; with its partition it must
/// fit into a key of the store.
constexpr std::size_t derived_name_bytes_max = limits::key_bytes_max - 16;

refusal bad(std::string text) {
  return {400, std::move(text)};
}

refusal too_long(std::string_view what, std::size_t bytes, std::size_t most) {
  return bad(std::string{what} + " has " + std::to_string(bytes)
             + " bytes; at most " + std::to_string(most) + " are allowed.");
}

refusal wrong_header(const es_header_value& header) {
  return bad(header.name() + " header in wrong format.");
}

std::string quoted(std::string_view text) {
  return "'" + std::string{text.substr(0, 100)} + "'";
}

refusal of_group(std::string_view stream, std::string_view allowed) {
  return bad("stream is " + quoted(stream)
             + ", which a group keeps for itself; allowed: "
             + std::string{allowed} + ".");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t";
  auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(space) + 1 - first);
}

/// Calls `take` with each part between commas until it returns true.
template <class Take>
bool any_part(std::string_view list, Take take) {
  for (;;) {
    auto comma = list.find(',');
    if (take(trimmed(list.substr(0, comma))))
      return true;
    if (comma == std::string_view::npos)
      return false;
    list.remove_prefix(comma + 1);
  }
}

/// The value of `wait` in a Prefer header (RFC 7240), if it is there.
std::optional<std::string_view> preferred_wait(std::string_view header) {
  std::optional<std::string_view> out;
  any_part(header, [&](std::string_view part) {
    auto equals = part.find('=');
    if (equals == std::string_view::npos
        || !iequals(trimmed(part.substr(0, equals)), "wait"))
      return false;
    auto value = part.substr(equals + 1);
    out = trimmed(value.substr(0, value.find(';')));
    return true;
  });
  return out;
}

std::chrono::seconds at_most_poll_wait(std::int64_t seconds) {
  auto most =
    std::chrono::duration_cast<std::chrono::seconds>(limits::poll_wait_max);
  return seconds < most.count() ? std::chrono::seconds{seconds} : most;
}

} // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  if (text.starts_with('+') && !text.starts_with("+-"))
    text.remove_prefix(1);
  std::int64_t out = 0;
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, out);
  if (text.empty() || failed != std::errc{} || stop != end)
    return std::nullopt;
  return out;
}

accepted<void> check_readable_name(std::string_view stream) {
  if (stream.empty())
    return bad("Invalid request. Stream must be non-empty string");
  if (stream.size() > derived_name_bytes_max)
    return too_long("stream", stream.size(), derived_name_bytes_max);
  return {};
}

accepted<void> check_writable_name(std::string_view stream) {
  if (stream.empty())
    return bad("Invalid request. Stream must be non-empty string");
  auto own = stream;
  if (own.starts_with("$$"))
    own.remove_prefix(2);
  if (own.size() > limits::stream_name_bytes_max)
    return too_long("stream", own.size(), limits::stream_name_bytes_max);
  if (own.empty() || own.starts_with("$$"))
    return bad("stream is " + quoted(stream)
               + ", the metadata of metadata; allowed: other names.");
  return {};
}

accepted<void> check_publishable_name(std::string_view stream) {
  if (belongs_to_group(stream))
    return of_group(stream, "other names");
  return check_writable_name(stream);
}

accepted<void> check_deletable_name(std::string_view stream, bool hard) {
  if (!is_parked_stream(stream))
    return check_publishable_name(stream);
  // For ever would be for what the group has yet to park, too.
  if (hard)
    return of_group(stream, "a delete without ES-HardDelete");
  return check_writable_name(stream);
}

accepted<void> check_group_names(const group_key& key) {
  if (key.stream.size() > limits::stream_name_bytes_max)
    return too_long("stream", key.stream.size(), limits::stream_name_bytes_max);
  if (key.group.empty())
    return bad("group is empty; a name is needed.");
  if (key.group.size() > limits::group_name_bytes_max)
    return too_long("group", key.group.size(), limits::group_name_bytes_max);
  if (key.group.starts_with(':') || key.group.find("::") != std::string::npos)
    return bad("group is " + quoted(std::string_view{key.group})
               + "; allowed: names without \"::\" that do not begin with "
                 "\":\", because its parked stream has the name "
                 "$persistentsubscription-STREAM::GROUP-parked.");
  auto parked = parked_stream(key.stream, key.group).size();
  if (parked > derived_name_bytes_max) {
    auto names = key.stream.size() + key.group.size();
    return too_long("the name of stream and group together", names,
                    names - (parked - derived_name_bytes_max));
  }
  return {};
}

accepted<bool> read_flag(const http_request& request, std::string_view suffix,
                         bool absent) {
  auto header = es_header(request, suffix);
  if (!header)
    return absent;
  if (iequals(header->value, "true"))
    return true;
  if (iequals(header->value, "false"))
    return false;
  return wrong_header(*header);
}

accepted<void> check_leader_flags(const http_request& request) {
  for (auto suffix : {"RequireLeader", "RequireMaster"})
    if (auto flag = read_flag(request, suffix, false); !flag)
      return flag.error();
  return {};
}

accepted<std::int64_t> read_expected_version(const http_request& request) {
  auto header = es_header(request, "ExpectedVersion");
  if (!header)
    return expected_version::any;
  auto version = parse_integer(header->value);
  constexpr std::int64_t unspecified = -3;
  if (!version || *version < expected_version::stream_exists
      || *version == unspecified)
    return wrong_header(*header);
  return *version;
}

accepted<std::chrono::seconds> read_wait(const http_request& request) {
  if (auto header = es_header(request, "LongPoll")) {
    auto seconds = parse_integer(header->value);
    if (!seconds || *seconds <= 0)
      return wrong_header(*header);
    return at_most_poll_wait(*seconds);
  }
  auto prefer = request.header(http_field::prefer);
  auto wait = prefer ? preferred_wait(*prefer) : std::nullopt;
  if (!wait)
    return std::chrono::seconds{0};
  auto seconds = parse_integer(*wait);
  if (!seconds || *seconds < 0)
    return bad("Prefer: wait is " + quoted(*wait)
               + "; allowed: a number of seconds from 0.");
  return at_most_poll_wait(*seconds);
}

accepted<std::optional<event_number>> read_event_number(std::string_view text,
                                                        bool head_allowed) {
  if (head_allowed && text == "head")
    return std::optional<event_number>{};
  auto number = parse_integer(text);
  if (!number || *number < 0)
    return bad(quoted(text) + " is not valid event number");
  return std::optional{event_number{static_cast<std::uint64_t>(*number)}};
}

accepted<std::size_t> read_page_count(std::string_view text) {
  auto count = parse_integer(text);
  if (!count || *count <= 0)
    return bad(quoted(text)
               + " is not valid count. Should be positive integer");
  if (static_cast<std::uint64_t>(*count) > limits::page_events_max)
    return refusal{500, "Read size too big, should be less than "
                          + std::to_string(limits::page_events_max) + " items"};
  return static_cast<std::size_t>(*count);
}

accepted<std::size_t> read_message_count(std::string_view text) {
  auto count = parse_integer(text);
  if (count && (*count > INT32_MAX || *count < INT32_MIN))
    count.reset(); // too large for what Event Store parses it as
  auto value = count.value_or(0);
  if (value < 1 || value > std::int64_t{limits::fetch_count_max})
    return bad("Message count must be an integer between 1 and "
               + std::to_string(limits::fetch_count_max) + " 'count' ='"
               + std::to_string(value) + "'");
  return static_cast<std::size_t>(value);
}

accepted<std::size_t> read_count(const http_request& request,
                                 std::string_view name, std::size_t absent,
                                 std::size_t most) {
  auto text = request.query(name);
  if (!text)
    return absent;
  auto count = parse_integer(*text);
  if (!count || *count < 1 || *count > std::int64_t(most))
    return bad(std::string{name} + " is " + quoted(*text) + "; allowed: 1 to "
               + std::to_string(most) + ".");
  return std::size_t(*count);
}

accepted<void>
check_query_names(const http_request& request,
                  std::initializer_list<std::string_view> known) {
  std::optional<std::string> unknown;
  request.each_query_name([&](std::string_view name) {
    if (std::none_of(known.begin(), known.end(),
                     [&](auto one) { return iequals(name, one); }))
      unknown = name;
  });
  if (!unknown)
    return {};
  std::string allowed;
  for (auto one : known)
    allowed.append(allowed.empty() ? "" : ", ").append(one);
  return bad("The query has " + quoted(std::string_view{*unknown})
             + "; allowed: " + allowed + ".");
}

accepted<std::vector<uuid>> read_event_ids(std::string_view text) {
  std::vector<uuid> out;
  // The form {0x…,0x…,0x…,{0x…,…}} has commas of its own.
  if (auto one = parse_uuid(text))
    return std::vector{*one};
  auto malformed = any_part(text, [&](std::string_view part) {
    auto id = parse_uuid(part);
    if (id)
      out.push_back(*id);
    return !id;
  });
  if (malformed)
    return bad("messageid should be a properly formed guid");
  return out;
}

settle_action read_action(std::string_view text) noexcept {
  return iequals(text, "park") ? settle_action::park
         : iequals(text, "skip") || iequals(text, "stop")
           ? settle_action::skip
           : settle_action::retry;
}

accepted<std::chrono::milliseconds> read_delay(std::string_view text) {
  auto delay = parse_duration(text);
  if (!delay || *delay > limits::retry_delay_max)
    return bad("delay is " + quoted(text)
               + "; allowed: a number of milliseconds, one with ms, s, m, h or "
                 "d behind it (90s), or an ISO 8601 duration (PT90S), up to "
               + std::to_string(limits::retry_delay_max.count())
               + " milliseconds.");
  return *delay;
}

bool tag_matches(const http_request& request, std::string_view e_tag) {
  auto header = request.header(http_field::if_none_match);
  return header && any_part(*header, [&](std::string_view tag) {
           if (tag.starts_with("W/"))
             tag.remove_prefix(2);
           return tag.size() == e_tag.size() + 2 && tag.starts_with('"')
                  && tag.ends_with('"') && tag.substr(1, e_tag.size()) == e_tag;
         });
}

bool accepts_anything(const http_request& request) {
  auto accept = request.header(http_field::accept);
  return !accept || accept->find("*/*") != std::string_view::npos;
}

} // namespace callboard
