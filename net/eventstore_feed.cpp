// Links, titles and entries of feeds.
#include "net/eventstore_feed.hpp"

#include "actors/core/group_requests.hpp"
#include "actors/core/names.hpp"
#include "net/ascii.hpp"
#include "net/json_text.hpp"
#include "net/url.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace callboard {

namespace {

/// The number of the event that a link stands for; its data is `N@stream`.
event_number target_number(const event& link) {
  event_number out;
  std::from_chars(link.data.data(), link.data.data() + link.data.size(),
                  out.value);
  return out;
}

class link_list {
public:
  link_list(std::string stream, std::vector<feed_link>& into)
      : stream_(std::move(stream)), into_(into) {}

  void self() { into_.push_back({"self", stream_}); }

  void page(std::string_view relation, std::uint64_t from,
            std::string_view direction, std::size_t count) {
    std::string where;
    append_number(where, from);
    page(relation, where, direction, count);
  }

  void page(std::string_view relation, std::string_view from,
            std::string_view direction, std::size_t count) {
    auto& uri = add(relation);
    uri += '/';
    uri += from;
    uri += '/';
    uri += direction;
    uri += '/';
    append_number(uri, count);
  }

  void metadata() { add("metadata") += "/metadata"; }

private:
  std::string& add(std::string_view relation) {
    return into_.emplace_back(feed_link{relation, stream_}).uri;
  }

  std::string stream_;
  std::vector<feed_link>& into_;
};

/// The links of spec 6.4. `covered` instead of the count asked for: a page that
/// was cut short must be continued where it ends.
void add_links(const page_query& query, const event_page& page,
               const stream_row& head, feed& out) {
  link_list links{out.id, out.links};
  auto count = query.count;
  auto last = head.next.value - 1;
  auto from = query.from ? query.from->value : last;
  links.self();
  links.page("first", "head", "backward", count);
  if (query.towards == direction::backward) {
    if (!page.end_of_stream) {
      links.page("last", 0, "forward", count);
      links.page("next", from - std::min<std::uint64_t>(from, page.covered),
                 "backward", count);
    }
    links.page("previous", std::min(from, last) + 1, "forward", count);
  } else {
    if (from > 0) {
      links.page("last", 0, "forward", count);
      links.page("next", from - 1, "backward", count);
    }
    if (!page.end_of_stream || !page.events.empty())
      links.page("previous",
                 page.end_of_stream
                   ? last + 1
                   : std::min<std::uint64_t>(from + page.covered - 1, last) + 1,
                 "forward", count);
  }
  links.metadata();
}

void add_ids(std::string& uri, const delivery_batch& batch) {
  constexpr std::size_t id_bytes = 37; // with a comma
  uri.reserve(uri.size() + 8 + id_bytes * batch.events.size());
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    uri += i == 0 ? "?ids=" : ",";
    append_id(uri, batch.events[i].what.original->id);
  }
}

} // namespace

embed_level parse_embed(std::string_view text) noexcept {
  return iequals(text, "content")      ? embed_level::content
         : iequals(text, "rich")       ? embed_level::rich
         : iequals(text, "body")       ? embed_level::body
         : iequals(text, "pretty")     ? embed_level::pretty_body
         : iequals(text, "prettybody") ? embed_level::pretty_body
         : iequals(text, "tryharder")  ? embed_level::try_harder
                                       : embed_level::none;
}

feed_entry entry_of(const resolved_event& what, std::string_view stream) {
  feed_entry out;
  out.record = what.original.get();
  out.shown = what.resolved.get();
  out.through_link = what.through_link();
  out.stream = out.through_link ? std::string_view{what.target} : stream;
  out.number = out.shown != nullptr ? out.shown->number
               : out.through_link   ? target_number(*what.original)
                                    : what.original->number;
  out.position_stream = stream;
  return out;
}

feed stream_feed(const page_query& query, const event_page& page,
                 std::string_view e_tag) {
  assert(page.head && page.head->next.value > 0);
  feed out;
  auto backward = query.towards == direction::backward;
  auto from_head = backward && !query.from;
  out.base = query.base;
  out.title = "Event stream '" + std::string{query.stream} + "'";
  out.id = stream_uri(query.base, query.stream);
  if (!page.events.empty())
    out.updated = page.events.front().original->created;
  out.stream_id = query.stream;
  out.head_of_stream = backward ? from_head : page.end_of_stream;
  out.has_self_url = backward;
  if (from_head)
    out.e_tag = e_tag;
  add_links(query, page, *page.head, out);
  out.entries.reserve(page.events.size());
  for (auto& e : page.events)
    out.entries.push_back(entry_of(e, query.stream));
  if (!backward)
    std::reverse(out.entries.begin(), out.entries.end());
  return out;
}

feed competing_feed(std::string_view base, const group_key& key,
                    std::size_t count, const delivery_batch& batch) {
  feed out;
  out.base = base;
  out.title = "Messages for '" + key.stream + "/" + key.group + "'";
  out.group_uri = group_uri(base, key);
  out.id = out.group_uri;
  if (!batch.events.empty()) {
    out.updated = batch.events.back().what.original->created;
    out.links.push_back({"ackAll", out.group_uri + "/ack"});
    add_ids(out.links.back().uri, batch);
    out.links.push_back({"nackAll", out.group_uri + "/nack"});
    add_ids(out.links.back().uri, batch);
  }
  out.links.push_back({"previous", out.group_uri + "/"});
  append_number(out.links.back().uri, count);
  out.links.push_back({"self", out.group_uri});
  out.parked_stream =
    std::make_unique<const std::string>(parked_stream(key.stream, key.group));
  out.entries.reserve(batch.events.size());
  for (auto d = batch.events.rbegin(); d != batch.events.rend(); ++d) {
    auto& from = d->from == lane::replay ? *out.parked_stream : key.stream;
    out.entries.push_back(entry_of(d->what, from));
    out.entries.back().retry_count = d->attempt - 1;
    out.entries.back().lease = to_string(lease_token{batch.group, d->lease});
  }
  return out;
}

std::string stream_uri(std::string_view base, std::string_view stream) {
  std::string out{base};
  out += "/streams/";
  append_segment(out, stream);
  return out;
}

std::string group_uri(std::string_view base, const group_key& key) {
  std::string out{base};
  out += "/subscriptions/";
  append_segment(out, key.stream);
  out += '/';
  append_segment(out, key.group);
  return out;
}

std::string make_e_tag(std::string_view version,
                       std::string_view content_type) {
  // FNV-1a: any hash will do, but a client may come back after a restart.
  std::uint32_t hash = 2166136261U;
  for (unsigned char c : content_type)
    hash = (hash ^ c) * 16777619U;
  std::string out{version};
  out += ';';
  append_number(out, static_cast<std::int32_t>(hash));
  return out;
}

std::string make_e_tag(const stream_row& head, std::string_view content_type) {
  return make_e_tag(
    std::to_string(static_cast<std::int64_t>(head.next.value) - 1),
    content_type);
}

std::size_t feed::expected_bytes(std::size_t entry_bytes, bool payloads) const {
  std::size_t out = 2048 + entries.size() * entry_bytes;
  for (auto& entry : entries)
    if (payloads && entry.shown != nullptr)
      out += 2 * (entry.shown->data.size() + entry.shown->metadata.size());
  return out;
}

} // namespace callboard
