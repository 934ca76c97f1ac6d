// Lines, frames, and what is checked of each record.
#include "net/barco_records.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/topics.hpp"
#include "net/json_layout.hpp"
#include "net/random_uuid.hpp"
#include "net/utf8.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace callboard {

namespace {

/// simdjson needs many times the document; above this it is read over slowly.
constexpr std::size_t quick_json_bytes_max = std::size_t{64} << 10;

constexpr std::size_t length_bytes = 4;

constexpr std::string_view timestamp_member = R"({"timestampMicros":)";

refusal bad(std::string text) {
  return {400, std::move(text)};
}

std::uint32_t big_endian(std::string_view bytes) noexcept {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}

/// Collects what may go into one append.
class record_list {
public:
  explicit record_list(std::optional<std::uint64_t> timestamp) {
    if (timestamp)
      metadata_ =
        std::string{timestamp_member} + std::to_string(*timestamp) + "}";
  }

  accepted<void> add(std::string data) {
    if (events_.size() == limits::append_events_max)
      return bad("Too many records: at most "
                 + std::to_string(limits::append_events_max)
                 + " are allowed in one request");
    // The official client cannot read one at the end of an answer, and drops
    // all of it.
    if (data.empty())
      return bad("Record " + std::to_string(events_.size() + 1) + " is empty");
    if (data.size() + metadata_.size() > limits::event_bytes_max)
      return bad("Record " + std::to_string(events_.size() + 1) + " has "
                 + std::to_string(data.size()) + " bytes; at most "
                 + std::to_string(limits::event_bytes_max - metadata_.size())
                 + " are allowed");
    bool as_json = is_json_value(data);
    events_.push_back({random_uuid(), std::string{record_type}, std::move(data),
                       metadata_, as_json});
    return {};
  }

  std::vector<new_event> take() { return std::move(events_); }

private:
  std::string metadata_;
  std::vector<new_event> events_;
};

accepted<void> add_lines(std::string_view body, record_list& to) {
  while (!body.empty()) {
    auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(line.size() + 1, body.size()));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (line.empty())
      continue;
    if (auto ok = to.add(std::string{line}); !ok)
      return ok;
  }
  return {};
}

accepted<void> add_frames(std::string_view body, record_list& to) {
  auto whole = body.size();
  while (!body.empty()) {
    auto at = std::to_string(whole - body.size());
    if (body.size() < length_bytes)
      return bad("The body ends inside the length of the record at byte " + at);
    auto length = big_endian(body);
    body.remove_prefix(length_bytes);
    if (length > body.size())
      return bad("The record at byte " + at + " should have "
                 + std::to_string(length) + " bytes; only "
                 + std::to_string(body.size()) + " are left of the body");
    if (auto ok = to.add(std::string{body.substr(0, length)}); !ok)
      return ok;
    body.remove_prefix(length);
  }
  return {};
}

accepted<void> add_all(record_format format, std::string body,
                       record_list& to) {
  switch (format) {
    case record_format::whole: return to.add(std::move(body));
    case record_format::lines: return add_lines(body, to);
    case record_format::frames: return add_frames(body, to);
  }
  return {};
}

refusal bad_topic(std::string_view why) {
  return bad("Invalid topic: " + std::string{why});
}

} // namespace

record_format format_of(std::optional<std::string_view> content_type) noexcept {
  if (content_type == "application/x-ndjson")
    return record_format::lines;
  if (content_type == "application/vnd.polar.producer.frames"
      || content_type == "application/vnd.barco.producer.frames")
    return record_format::frames;
  return record_format::whole;
}

accepted<std::vector<new_event>>
read_records(record_format format, std::string body,
             std::optional<std::uint64_t> timestamp) {
  record_list list{timestamp};
  if (auto ok = add_all(format, std::move(body), list); !ok)
    return ok.error();
  auto out = list.take();
  if (out.empty())
    return bad("The body has no records: it is empty, or all its lines are");
  return out;
}

accepted<std::vector<new_event>>
make_records(std::span<const std::string_view> records,
             std::optional<std::uint64_t> timestamp) {
  record_list list{timestamp};
  for (auto one : records)
    if (auto ok = list.add(std::string{one}); !ok)
      return ok.error();
  return list.take();
}

std::optional<std::uint64_t> said_timestamp(const new_event& record) {
  std::string_view text{record.metadata};
  if (record.type != record_type || !text.starts_with(timestamp_member))
    return std::nullopt;
  text.remove_prefix(timestamp_member.size());
  std::uint64_t out = 0;
  auto [stop, failed] =
    std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || stop == text.data())
    return std::nullopt;
  return out;
}

accepted<std::optional<std::uint64_t>>
read_timestamp(std::optional<std::string_view> text) {
  if (!text)
    return std::optional<std::uint64_t>{};
  std::uint64_t out = 0;
  auto* end = text->data() + text->size();
  auto [stop, failed] = std::from_chars(text->data(), end, out);
  if (failed != std::errc{} || stop != end || out > std::uint64_t{INT64_MAX})
    return bad("timestamp is '" + std::string{text->substr(0, 100)}
               + "'; allowed: microseconds since 1970, from 0 to "
               + std::to_string(INT64_MAX));
  return std::optional{out};
}

accepted<void> check_topic(std::string_view topic) {
  if (topic.empty())
    return bad("Invalid topic");
  if (topic.size() > limits::topic_name_bytes_max)
    return bad_topic(
      "it has " + std::to_string(topic.size()) + " bytes; at most "
      + std::to_string(limits::topic_name_bytes_max) + " are allowed");
  if (!simdjson::validate_utf8(topic.data(), topic.size()))
    return bad_topic("it is not UTF-8");
  if (has_control_characters(topic))
    return bad_topic("it has control characters");
  if (topic.starts_with('$'))
    return bad_topic("names that begin with $ are the broker's own");
  if (looks_like_part(topic))
    return bad_topic("a name that ends in @ and digits is that of a part of "
                     "another topic");
  return {};
}

bool is_json_value(std::string_view bytes) {
  if (bytes.empty() || bytes.front() == '\xEF') // a byte order mark
    return false;
  if (bytes.size() > quick_json_bytes_max)
    return is_json(bytes);
  thread_local auto parser = [] {
    simdjson::dom::parser out;
    std::ignore = out.allocate(0, json_depth_max);
    return out;
  }();
  // simdjson takes no integers of more than 64 bits, nor quite the depth; they
  // are JSON all the same.
  return parser.parse(bytes.data(), bytes.size()).error() == simdjson::SUCCESS
         || is_json(bytes);
}

} // namespace callboard
