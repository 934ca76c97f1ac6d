// Bodies of producers to events: no sockets, nobody is asked.
#pragma once

#include "actors/core/event.hpp"
#include "net/refusal.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// The type of every event that is a record of the Barco dialect.
inline constexpr std::string_view record_type = "message";

/// How a body holds its records (barco-http.md 2.3).
enum class record_format : std::uint8_t {
  whole,  // one record, whatever it is
  lines,  // NDJSON: one a line that is not empty
  frames, // a big-endian length of 4 bytes and as many bytes, again and again
};

/// By the whole text of a `Content-Type`, case included; `whole` if it is
/// another one, or none.
record_format format_of(std::optional<std::string_view> content_type) noexcept;

/// The records of a body as events, in order: their bytes, `is_json` if those
/// are JSON, a random id; with a `timestamp` (microseconds since 1970) the
/// metadata `{"timestampMicros":N}`.
/// Refuses, with a text that says which record it is about: no record at all,
/// an empty one, a frame that is cut short, and what an append cannot take.
accepted<std::vector<new_event>>
read_records(record_format format, std::string body,
             std::optional<std::uint64_t> timestamp);

/// The same of records that stand apart already.
accepted<std::vector<new_event>>
make_records(std::span<const std::string_view> records,
             std::optional<std::uint64_t> timestamp);

/// The timestamp that a producer gave with a record, if it did.
std::optional<std::uint64_t> said_timestamp(const new_event& record);

/// The value of `timestamp=`; nothing if there is none.
accepted<std::optional<std::uint64_t>>
read_timestamp(std::optional<std::string_view> text);

/// Refuses names that no topic can have: empty, longer than
/// `limits::topic_name_bytes_max`, not UTF-8, with control characters, of the
/// broker's own (`$`), or of a part of another topic (`T@2`).
accepted<void> check_topic(std::string_view topic);

/// Whether the bytes may stand in a JSON document as they are: they are one
/// value, nested no deeper than `json_depth_max`.
bool is_json_value(std::string_view bytes);

} // namespace callboard
