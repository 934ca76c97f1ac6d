// Entries of feeds as JSON, and what they hold of an event.
#pragma once

#include "net/eventstore_feed.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// Indenting adds much to a document only if it is deep. More than this times
/// its size is not shown indented: a page must not grow without a bound.
inline constexpr std::size_t indented_growth_max = 16;

/// Appends a payload as a JSON value: as it was sent if it is JSON, made strict
/// if a lenient reader takes it, else as a string.
void append_json_value(std::string& out, const event& e, std::string_view text);

/// Appends what is shown of an entry: where it is, what it is, data and
/// metadata; an object at `depth`. `entry.shown` is not null.
void append_json_event(std::string& out, const feed_entry& entry,
                       std::size_t depth);

/// Where the entries of one feed are written, and what is shown of each.
struct json_entry_style {
  std::string_view base;        // of all URLs
  std::string_view group_uri{}; // of ack and nack links; empty: none
  embed_level embed = embed_level::none;
  bool with_content = false; // of JSON events that are no links
  bool nested = false;       // inside a feed
};

/// Writes the entries of one feed. What they share is escaped once, and the
/// text between what differs is laid out once for all feeds.
class json_entry_writer {
public:
  json_entry_writer(std::string& out, const json_entry_style& style);

  /// Appends it.
  void write(const feed_entry& entry);

private:
  void find_uri(const feed_entry& entry);
  bool shows_content(const feed_entry& entry) const noexcept;
  void append_data(const event& e);
  void append_payload(std::string_view text);
  void append_flag(bool value);

  std::string& out_;
  json_entry_style style_;
  bool body_;
  bool pretty_;
  std::string group_uri_; // escaped, like all below
  std::string_view stream_;
  std::string stream_name_;
  std::string stream_uri_;              // with a slash at its end
  std::string uri_;                     // of the entry that is being written
  std::optional<std::string> indented_; // its data, if TryHarder found JSON
};

} // namespace callboard
