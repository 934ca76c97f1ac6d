// The constant text of an entry, in each of its shapes, and what fills it.
#include "net/eventstore_entry_json.hpp"

#include "net/json_layout.hpp"
#include "net/json_members.hpp"
#include "net/text_form.hpp"

#include <array>

namespace callboard {

namespace {

/// An object indented, or nothing if it is not a JSON object.
std::optional<std::string> indented_object(std::string_view text) {
  std::string out;
  if (first_of_json(text) != '{'
      || append_indented(out, text, indented_growth_max * text.size())
           != errc::none)
    return std::nullopt;
  return out;
}

/// What differs between entries.
enum class hole : std::uint8_t {
  event_id,
  event_type,
  event_number,
  data,
  metadata,
  link_metadata,
  is_json,
  is_metadata,
  is_link_metadata,
  position_number,
  position_stream,
  stream,
  number,
  uri,
  updated,
  summary,
  retry_count,
  content,
  group_uri,
  record_id,
  lease,
};

using entry_form = text_form<hole>;

/// What decides which members an entry has, and how far they are indented.
struct entry_shape {
  bool rich = false;
  bool link_metadata = false;
  bool retries = false;
  bool content = false;
  bool acks = false;
  bool nested = false;

  static constexpr std::size_t count = 64;

  static constexpr entry_shape at(std::size_t index) noexcept {
    auto bit = [index](unsigned n) { return (index >> n & 1) != 0; };
    return {bit(0), bit(1), bit(2), bit(3), bit(4), bit(5)};
  }

  constexpr std::size_t index() const noexcept {
    return std::size_t{rich} | std::size_t{link_metadata} << 1
           | std::size_t{retries} << 2 | std::size_t{content} << 3
           | std::size_t{acks} << 4 | std::size_t{nested} << 5;
  }
};

/// Lays out one shape: the order of the members is here and nowhere else.
class entry_layout {
public:
  explicit entry_layout(const entry_shape& shape)
      : members_(out_.text(), shape.nested ? 2 : 0) {
    if (shape.rich)
      rich(shape);
    plain();
    if (shape.retries)
      value("retryCount", hole::retry_count);
    if (shape.content)
      value("content", hole::content);
    members_.name("links");
    links(shape.acks);
    members_.end();
  }

  entry_form take() && { return std::move(out_); }

private:
  void rich(const entry_shape& shape) {
    text("eventId", hole::event_id);
    text("eventType", hole::event_type);
    value("eventNumber", hole::event_number);
    value("data", hole::data);
    value("metaData", hole::metadata);
    if (shape.link_metadata)
      value("linkMetaData", hole::link_metadata);
    text("streamId", hole::stream);
    value("isJson", hole::is_json);
    value("isMetaData", hole::is_metadata);
    value("isLinkMetaData", hole::is_link_metadata);
    members_.flag("isRedacted", false);
    value("positionEventNumber", hole::position_number);
    text("positionStreamId", hole::position_stream);
  }

  void plain() {
    members_.name("title");
    out_.text() += '"';
    out_.hole(hole::number);
    out_.text() += '@';
    out_.hole(hole::stream);
    out_.text() += '"';
    text("id", hole::uri);
    text("updated", hole::updated);
    members_.name("author");
    json_members author{out_.text(), members_.depth() + 1};
    author.text("name", author_name);
    author.end();
    text("summary", hole::summary);
  }

  void links(bool acks) {
    out_.text() += '[';
    link("edit", {});
    out_.text() += ',';
    link("alternate", {});
    if (acks) {
      out_.text() += ',';
      link("ack", "/ack/");
      out_.text() += ',';
      link("nack", "/nack/");
      out_.text() += ',';
      link("extend", "/extend?lease=", hole::lease);
    }
    append_line(out_.text(), members_.depth() + 1);
    out_.text() += ']';
  }

  /// To the event itself, or with a verb to the delivery.
  void link(std::string_view relation, std::string_view verb,
            hole object = hole::record_id) {
    auto depth = members_.depth() + 2;
    append_line(out_.text(), depth);
    json_members members{out_.text(), depth};
    members.name("uri");
    out_.text() += '"';
    out_.hole(verb.empty() ? hole::uri : hole::group_uri);
    if (!verb.empty()) {
      out_.text() += verb;
      out_.hole(object);
    }
    out_.text() += '"';
    members.text("relation", relation);
    members.end();
  }

  void value(std::string_view name, hole what) {
    members_.name(name);
    out_.hole(what);
  }

  void text(std::string_view name, hole what) {
    members_.name(name);
    out_.text() += '"';
    out_.hole(what);
    out_.text() += '"';
  }

  entry_form out_;
  json_members members_;
};

const entry_form& form_of(const entry_shape& shape) {
  static const auto all = [] {
    std::array<entry_form, entry_shape::count> out;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = entry_layout{entry_shape::at(i)}.take();
    return out;
  }();
  return all[shape.index()];
}

} // namespace

void append_json_value(std::string& out, const event& e,
                       std::string_view text) {
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

void append_json_event(std::string& out, const feed_entry& entry,
                       std::size_t depth) {
  auto& e = *entry.shown;
  json_members members{out, depth};
  members.text("eventStreamId", entry.stream);
  members.number("eventNumber", e.number.value);
  members.text("eventType", e.type);
  members.text("eventId", to_string(e.id));
  members.name("data");
  append_json_value(out, e, e.data);
  members.name("metadata");
  append_json_value(out, e, e.metadata);
  members.end();
}

json_entry_writer::json_entry_writer(std::string& out,
                                     const json_entry_style& style)
    : out_(out), style_(style), body_(style.embed >= embed_level::body),
      pretty_(style.embed >= embed_level::pretty_body) {
  append_escaped(group_uri_, style.group_uri);
}

void json_entry_writer::write(const feed_entry& entry) {
  find_uri(entry);
  auto& record = *entry.record;
  auto rich = style_.embed >= embed_level::rich && entry.shown != nullptr;
  indented_ =
    rich && style_.embed == embed_level::try_harder && !entry.shown->is_json
      ? indented_object(entry.shown->data)
      : std::nullopt;
  entry_shape shape{.rich = rich,
                    .link_metadata = rich && body_ && entry.through_link,
                    .retries = entry.retry_count.has_value(),
                    .content = shows_content(entry),
                    .acks = !group_uri_.empty(),
                    .nested = style_.nested};
  auto& form = form_of(shape);
  form.write(out_, [&](hole what) {
    switch (what) {
      case hole::event_id: return append_id(out_, entry.shown->id);
      case hole::event_type: return append_escaped(out_, entry.shown->type);
      case hole::event_number:
        return append_number(out_, entry.shown->number.value);
      case hole::data: return append_data(*entry.shown);
      case hole::metadata:
        if (!body_ || entry.shown->metadata.empty())
          out_ += "null";
        else
          append_payload(entry.shown->metadata);
        return;
      case hole::link_metadata: return append_payload(record.metadata);
      case hole::is_json: return append_flag(entry.shown->is_json || indented_);
      case hole::is_metadata:
        return append_flag(body_ && !entry.shown->metadata.empty());
      case hole::is_link_metadata:
        return append_flag(body_ && entry.through_link
                           && !record.metadata.empty());
      case hole::position_number:
        return append_number(out_, record.number.value);
      case hole::position_stream:
        if (entry.position_stream == stream_)
          out_ += stream_name_;
        else
          append_escaped(out_, entry.position_stream);
        return;
      case hole::stream: out_ += stream_name_; return;
      case hole::number: return append_number(out_, entry.number.value);
      case hole::uri: out_ += uri_; return;
      case hole::updated: return append_time(out_, record.created);
      case hole::summary: return append_escaped(out_, record.type);
      case hole::retry_count: return append_number(out_, *entry.retry_count);
      case hole::content:
        return append_json_event(out_, entry, style_.nested ? 3 : 1);
      case hole::group_uri: out_ += group_uri_; return;
      case hole::record_id: return append_id(out_, record.id);
      case hole::lease: out_ += entry.lease; return;
    }
  });
}

/// `<base>/streams/<stream>/<number>`. Entries mostly share their stream.
void json_entry_writer::find_uri(const feed_entry& entry) {
  if (stream_uri_.empty() || stream_ != entry.stream) {
    stream_ = entry.stream;
    stream_name_.clear();
    append_escaped(stream_name_, stream_);
    stream_uri_.clear();
    append_escaped(stream_uri_, stream_uri(style_.base, stream_));
    stream_uri_ += '/';
  }
  uri_ = stream_uri_;
  append_number(uri_, entry.number.value);
}

bool json_entry_writer::shows_content(const feed_entry& entry) const noexcept {
  return style_.with_content && !entry.through_link && entry.shown != nullptr
         && entry.shown->is_json;
}

void json_entry_writer::append_data(const event& e) {
  if (indented_)
    append_json_string(out_, *indented_);
  else if (body_ && (e.is_json || style_.embed == embed_level::try_harder))
    append_payload(e.data);
  else
    out_ += "null";
}

/// A payload as a JSON string.
void json_entry_writer::append_payload(std::string_view text) {
  auto indented = pretty_ ? indented_object(text) : std::nullopt;
  append_json_string(out_, indented ? *indented : text);
}

void json_entry_writer::append_flag(bool value) {
  out_ += value ? "true" : "false";
}

} // namespace callboard
