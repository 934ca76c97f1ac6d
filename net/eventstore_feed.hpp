// Feeds of streams and groups as values: what they say, whatever the format.
#pragma once

#include "actors/core/requests.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

inline constexpr std::string_view author_name = "EventStore";

/// How much of an event an entry shows (spec 3.3).
enum class embed_level : std::uint8_t {
  none,
  content,
  rich,
  body,
  pretty_body,
  try_harder
};

/// Reads `?embed=`, in any case; what is unknown is `none`.
embed_level parse_embed(std::string_view text) noexcept;

struct feed_link {
  std::string_view relation;
  std::string uri;
};

/// One event of a feed; points into the page or batch it was made from.
struct feed_entry {
  const event* record = nullptr; // what lies in the stream that was read
  const event* shown = nullptr;  // what it stands for; null: it is gone
  bool through_link = false;
  std::string_view stream;                  // of what is shown, or would be
  event_number number;                      // the same
  std::string_view position_stream;         // where `record` lies
  std::optional<std::uint32_t> retry_count; // of a delivery
  std::string lease{};                      // of a delivery: its token
};

/// A feed (spec 3.2, 6.4), ready to be written; each format has a writer of its
/// own: `eventstore_feed_json`. Points into what it was made from.
struct feed {
  std::string_view base; // of all URLs, without a slash at its end
  std::string title;
  std::string id;
  std::optional<wall_time> updated;
  std::string_view stream_id; // empty: the feed of a group
  bool head_of_stream = false;
  bool has_self_url = false; // it is `id`
  std::string e_tag;         // empty: none
  std::vector<feed_link> links;
  std::vector<feed_entry> entries; // newest first
  std::string group_uri;           // of ack and nack; empty: a stream's feed
  std::unique_ptr<const std::string> parked_stream; // entries point to it

  /// About what it takes as text: `entry_bytes` an entry, and payloads twice
  /// if they are shown, since characters may need escaping.
  std::size_t expected_bytes(std::size_t entry_bytes, bool payloads) const;
};

/// What was asked for when a page was read.
struct page_query {
  std::string_view base;
  std::string_view stream;
  std::optional<event_number> from{}; // nothing: from the head
  std::size_t count = 20;
  direction towards = direction::backward;
};

/// The feed of a page of a stream that exists (spec 6.4). `e_tag` as
/// `make_e_tag` makes it; it is shown for what is read backward from the head.
feed stream_feed(const page_query& query, const event_page& page,
                 std::string_view e_tag);

/// The feed of what a group delivered (spec 3.2); `count` as asked for.
feed competing_feed(std::string_view base, const group_key& key,
                    std::size_t count, const delivery_batch& batch);

/// The entry of one event, read from `stream`.
feed_entry entry_of(const resolved_event& what, std::string_view stream);

/// `<base>/streams/<stream>`, the name escaped.
std::string stream_uri(std::string_view base, std::string_view stream);

/// `<base>/subscriptions/<stream>/<group>`, names escaped.
std::string group_uri(std::string_view base, const group_key& key);

/// The tag of a version in one representation, without quotes (spec 6.5); of a
/// stream that is its last event number.
std::string make_e_tag(std::string_view version, std::string_view content_type);
std::string make_e_tag(const stream_row& head, std::string_view content_type);

} // namespace callboard
