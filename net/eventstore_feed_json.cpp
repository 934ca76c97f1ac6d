// Templates into one string; a payload is escaped or copied, never parsed.
#include "net/eventstore_feed_json.hpp"

#include "net/json_layout.hpp"
#include "net/json_members.hpp"

#include <array>
#include <optional>
#include <span>

namespace callboard {

namespace {

/// Indenting adds much to a document only if it is deep. More than this times
/// its size is not shown indented: a page must not grow without a bound.
constexpr std::size_t growth_max = 16;

/// Bytes of an entry besides its payload and names, roughly.
constexpr std::size_t entry_bytes = 1200;

/// An object indented, or nothing if it is not a JSON object.
std::optional<std::string> indented_object(std::string_view text) {
  std::string out;
  if (first_of_json(text) != '{'
      || append_indented(out, text, growth_max * text.size()) != errc::none)
    return std::nullopt;
  return out;
}

/// A payload as a JSON string.
void append_payload(std::string& out, std::string_view text, bool pretty) {
  auto indented = pretty ? indented_object(text) : std::nullopt;
  append_json_string(out, indented ? *indented : text);
}

/// A payload as a JSON value: as it was sent if it is JSON.
void append_value(std::string& out, const event& e, std::string_view text) {
  if (e.is_json && is_json(text)) {
    out += without_byte_order_mark(text);
    return;
  }
  if (e.is_json && !text.empty())
    if (auto strict = to_strict_json(text)) {
      out += *strict;
      return;
    }
  append_json_string(out, text);
}

void append_event(std::string& out, const feed_entry& entry,
                  std::size_t depth) {
  auto& e = *entry.shown;
  json_members members{out, depth};
  members.text("eventStreamId", entry.stream);
  members.number("eventNumber", e.number.value);
  members.text("eventType", e.type);
  members.text("eventId", to_string(e.id));
  members.name("data");
  append_value(out, e, e.data);
  members.name("metadata");
  append_value(out, e, e.metadata);
  members.end();
}

/// Writes the entries of one feed; what they share is escaped once.
class entry_writer {
public:
  entry_writer(std::string& out, std::string_view base,
               std::string_view group_uri, embed_level embed, bool with_content)
      : out_(out), embed_(embed), with_content_(with_content), base_(base) {
    append_escaped(group_uri_, group_uri);
  }

  void write(const feed_entry& entry, std::size_t depth) {
    find_uri(entry);
    json_members members{out_, depth};
    if (embed_ >= embed_level::rich && entry.shown != nullptr)
      rich(members, entry);
    plain(members, entry);
    if (with_content_ && !entry.through_link && entry.shown != nullptr
        && entry.shown->is_json) {
      members.name("content");
      append_event(out_, entry, depth + 1);
    }
    members.name("links");
    links(entry, depth + 1);
    members.end();
  }

private:
  /// `<base>/streams/<stream>/<number>`, escaped for JSON. Entries mostly share
  /// their stream, so its escaped name is kept.
  void find_uri(const feed_entry& entry) {
    if (stream_uri_.empty() || stream_ != entry.stream) {
      stream_ = entry.stream;
      stream_uri_.clear();
      append_escaped(stream_uri_, stream_uri(base_, entry.stream));
      stream_uri_ += '/';
    }
    uri_ = stream_uri_;
    append_number(uri_, entry.number.value);
  }

  void rich(json_members& members, const feed_entry& entry) {
    auto& e = *entry.shown;
    auto indented = embed_ == embed_level::try_harder && !e.is_json
                      ? indented_object(e.data)
                      : std::nullopt;
    members.text("eventId", to_string(e.id));
    members.text("eventType", e.type);
    members.number("eventNumber", e.number.value);
    payloads(members, entry, indented);
    members.text("streamId", entry.stream);
    members.flag("isJson", e.is_json || indented);
    auto body = embed_ >= embed_level::body;
    members.flag("isMetaData", body && !e.metadata.empty());
    members.flag("isLinkMetaData",
                 body && entry.through_link && !entry.record->metadata.empty());
    members.flag("isRedacted", false);
    members.number("positionEventNumber", entry.record->number.value);
    members.text("positionStreamId", entry.position_stream);
  }

  void payloads(json_members& members, const feed_entry& entry,
                const std::optional<std::string>& indented) {
    auto& e = *entry.shown;
    auto body = embed_ >= embed_level::body;
    auto pretty = embed_ >= embed_level::pretty_body;
    members.name("data");
    if (indented)
      append_json_string(out_, *indented);
    else if (body && (e.is_json || embed_ == embed_level::try_harder))
      append_payload(out_, e.data, pretty);
    else
      out_ += "null";
    members.name("metaData");
    if (body && !e.metadata.empty())
      append_payload(out_, e.metadata, pretty);
    else
      out_ += "null";
    if (body && entry.through_link) {
      members.name("linkMetaData");
      append_payload(out_, entry.record->metadata, pretty);
    }
  }

  void plain(json_members& members, const feed_entry& entry) {
    members.name("title");
    out_ += '"';
    append_number(out_, entry.number.value);
    out_ += '@';
    append_escaped(out_, entry.stream);
    out_ += '"';
    quoted(members, "id", uri_);
    members.name("updated");
    out_ += '"';
    append_time(out_, entry.record->created);
    out_ += '"';
    members.name("author");
    json_members author{out_, members.depth() + 1};
    author.text("name", author_name);
    author.end();
    members.text("summary", entry.record->type);
    if (entry.retry_count)
      members.number("retryCount", *entry.retry_count);
  }

  void links(const feed_entry& entry, std::size_t depth) {
    out_ += '[';
    link("edit", uri_, depth);
    out_ += ',';
    link("alternate", uri_, depth);
    if (!group_uri_.empty()) {
      auto id = to_string(entry.record->id);
      out_ += ',';
      link("ack", group_uri_ + "/ack/" + id, depth);
      out_ += ',';
      link("nack", group_uri_ + "/nack/" + id, depth);
    }
    append_line(out_, depth);
    out_ += ']';
  }

  void link(std::string_view relation, std::string_view escaped_uri,
            std::size_t depth) {
    append_line(out_, depth + 1);
    json_members members{out_, depth + 1};
    quoted(members, "uri", escaped_uri);
    quoted(members, "relation", relation);
    members.end();
  }

  /// A member whose value needs no escaping any more.
  void quoted(json_members& members, std::string_view name,
              std::string_view value) {
    members.name(name);
    out_ += '"';
    out_ += value;
    out_ += '"';
  }

  std::string& out_;
  embed_level embed_;
  bool with_content_; // of JSON events that are no links
  std::string_view base_;
  std::string group_uri_;
  std::string_view stream_;
  std::string stream_uri_;
  std::string uri_; // of the entry that is being written
};

void append_links(std::string& out, const std::vector<feed_link>& links) {
  out += '[';
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (i > 0)
      out += ',';
    append_line(out, 2);
    json_members members{out, 2};
    members.text("uri", links[i].uri);
    members.text("relation", links[i].relation);
    members.end();
  }
  append_line(out, 1);
  out += ']';
}

void append_entries(std::string& out, const feed& what, embed_level embed) {
  out += '[';
  entry_writer writer{out, what.base, what.group_uri, embed,
                      embed == embed_level::content};
  for (std::size_t i = 0; i < what.entries.size(); ++i) {
    if (i > 0)
      out += ',';
    append_line(out, 2);
    writer.write(what.entries[i], 2);
  }
  if (!what.entries.empty())
    append_line(out, 1);
  out += ']';
}

std::size_t expected_bytes(const feed& what, embed_level embed) {
  std::size_t out = 2048 + what.entries.size() * entry_bytes;
  if (embed == embed_level::none || embed == embed_level::rich)
    return out;
  for (auto& entry : what.entries)
    if (entry.shown != nullptr)
      out += 2 * (entry.shown->data.size() + entry.shown->metadata.size());
  return out;
}

void append_types(std::string& out, std::span<const std::string_view> types,
                  std::size_t depth) {
  out += '[';
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i > 0)
      out += ',';
    append_line(out, depth + 1);
    append_json_string(out, types[i]);
  }
  append_line(out, depth);
  out += ']';
}

void append_offer(std::string& out, std::string_view href,
                  std::span<const std::string_view> types, std::size_t depth) {
  json_members members{out, depth};
  members.text("href", href);
  members.name("supportedContentTypes");
  append_types(out, types, depth + 1);
  members.end();
}

} // namespace

std::string feed_to_json(const feed& what, embed_level embed) {
  std::string out;
  out.reserve(expected_bytes(what, embed));
  json_members members{out, 0};
  members.text("title", what.title);
  members.text("id", what.id);
  members.name("updated");
  out += '"';
  if (what.updated)
    append_time(out, *what.updated);
  else
    out += no_time;
  out += '"';
  if (!what.stream_id.empty())
    members.text("streamId", what.stream_id);
  members.name("author");
  json_members author{out, 1};
  author.text("name", author_name);
  author.end();
  members.flag("headOfStream", what.head_of_stream);
  if (what.has_self_url)
    members.text("selfUrl", what.id);
  if (!what.e_tag.empty())
    members.text("eTag", what.e_tag);
  members.name("links");
  append_links(out, what.links);
  members.name("entries");
  append_entries(out, what, embed);
  members.end();
  return out;
}

std::string entry_to_json(std::string_view base, const feed_entry& entry,
                          embed_level embed) {
  std::string out;
  entry_writer{out, base, {}, embed, true}.write(entry, 0);
  return out;
}

std::string event_to_json(const feed_entry& entry) {
  std::string out;
  append_event(out, entry, 0);
  return out;
}

std::string data_to_json(const event& e) {
  std::string out;
  auto bytes_max = growth_max * e.data.size();
  if (!e.is_json
      || append_indented(out, e.data, bytes_max, json_grammar::lenient)
           != errc::none)
    append_value(out, e, e.data);
  return out;
}

std::string description_to_json(std::string_view stream,
                                const std::vector<std::string>& groups,
                                std::string_view chosen) {
  constexpr std::array<std::string_view, 3> feeds{
    "application/atom+xml", "application/vnd.eventstore.atom+json",
    "application/vnd.kurrent.atom+json"};
  constexpr std::array<std::string_view, 3> competing{
    "application/vnd.eventstore.competingatom+xml",
    "application/vnd.eventstore.competingatom+json",
    "application/vnd.kurrent.competingatom+json"};
  std::string out;
  auto href = stream_uri({}, stream);
  json_members members{out, 0};
  members.text("title",
               "Description document for '" + std::string{stream} + "'");
  members.text("description",
               "The description document will be presented when no accept "
               "header is present or it was requested");
  members.name("_links");
  json_members links{out, 1};
  links.name("self");
  append_offer(out, href, {&chosen, 1}, 2);
  links.name("stream");
  append_offer(out, href, feeds, 2);
  if (!groups.empty()) {
    links.name("streamSubscription");
    out += '[';
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (i > 0)
        out += ',';
      append_line(out, 3);
      append_offer(out, group_uri({}, {std::string{stream}, groups[i]}),
                   competing, 3);
    }
    append_line(out, 2);
    out += ']';
  }
  links.end();
  members.end();
  return out;
}

} // namespace callboard
