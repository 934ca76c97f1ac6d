// Templates into one string, as for JSON; only a content is looked into.
#include "net/eventstore_feed_xml.hpp"

#include "net/json_layout.hpp"
#include "net/json_text.hpp"
#include "net/json_xml.hpp"
#include "net/xml_text.hpp"

namespace callboard {

namespace {

constexpr std::string_view atom_namespace = "http://www.w3.org/2005/Atom";

/// Names are repeated for each value of an array. What would be more than so
/// many times its size as elements is shown as text: a page must not grow
/// without a bound.
constexpr std::size_t growth_max = 16;
constexpr std::size_t growth_bytes_min = std::size_t{16} << 10;

/// Bytes of an entry besides its content and names, roughly.
constexpr std::size_t entry_bytes = 900;

/// A payload as an element, as its JSON is if it is any.
void append_payload(std::string& out, const xml_element& element,
                    const event& e, std::string_view payload) {
  auto bytes_max = growth_bytes_min + growth_max * payload.size();
  if (e.is_json && is_json(payload)
      && append_json_as_xml(out, element, payload, bytes_max) == errc::none)
    return;
  auto strict = e.is_json ? to_strict_json(payload) : std::nullopt;
  if (strict
      && append_json_as_xml(out, element, *strict, bytes_max) == errc::none)
    return;
  out += '<';
  out += element.name;
  out += element.attributes;
  if (payload.empty()) {
    out += " />";
    return;
  }
  out += '>';
  append_xml_value(out, payload);
  out += "</";
  out += element.name;
  out += '>';
}

void append_event(std::string& out, const feed_entry& entry,
                  std::string_view attributes) {
  auto& e = *entry.shown;
  auto text = [&](std::string_view name, std::string_view value) {
    out += '<';
    out += name;
    out += attributes;
    out += '>';
    append_xml_value(out, value);
    out += "</";
    out += name;
    out += '>';
  };
  text("eventStreamId", entry.stream);
  text("eventNumber", std::to_string(e.number.value));
  text("eventType", e.type);
  text("eventId", to_string(e.id));
  append_payload(out, {"data", attributes, true}, e, e.data);
  append_payload(out, {"metadata", attributes, true}, e, e.metadata);
}

/// What a feed and an entry have in common. `prefix`: of all names, or nothing.
class atom_writer {
public:
  atom_writer(std::string& out, std::string_view prefix)
      : out_(out), prefix_(prefix) {}

  void declare(std::string_view root) {
    out_ += xml_declaration;
    out_ += '<';
    out_ += prefix_;
    out_ += root;
    out_ += prefix_.empty() ? " xmlns=\"" : " xmlns:atom=\"";
    out_ += atom_namespace;
    out_ += "\">";
  }

  void begin(std::string_view name) {
    out_ += '<';
    out_ += prefix_;
    out_ += name;
    out_ += '>';
  }

  void end(std::string_view name) {
    out_ += "</";
    out_ += prefix_;
    out_ += name;
    out_ += '>';
  }

  void text(std::string_view name, std::string_view value) {
    begin(name);
    append_xml_value(out_, value);
    end(name);
  }

  void time(std::string_view name, std::optional<wall_time> value) {
    begin(name);
    if (value)
      append_time(out_, *value);
    else
      out_ += no_time;
    end(name);
  }

  void author() {
    begin("author");
    text("name", author_name);
    end("author");
  }

  /// `uri` and `more` after it are escaped already.
  void link(std::string_view relation, std::string_view uri,
            std::string_view verb = {}, std::string_view id = {}) {
    out_ += '<';
    out_ += prefix_;
    out_ += "link href=\"";
    out_ += uri;
    out_ += verb;
    out_ += id;
    out_ += "\" rel=\"";
    out_ += relation;
    out_ += "\" />";
  }

private:
  std::string& out_;
  std::string_view prefix_;
};

/// Writes the entries of one document; what they share is escaped once.
class entry_writer {
public:
  entry_writer(std::string& out, std::string_view base,
               std::string_view group_uri, std::string_view prefix)
      : out_(out), atom_(out, prefix), base_(base),
        content_attributes_(prefix.empty() ? R"( xmlns="")" : "") {
    append_xml_attribute(group_uri_, group_uri);
  }

  /// All that is inside of an entry.
  void write(const feed_entry& entry, bool with_content) {
    find_uri(entry);
    atom_.begin("title");
    append_number(out_, entry.number.value);
    out_ += '@';
    append_xml_text(out_, entry.stream);
    atom_.end("title");
    atom_.begin("id");
    out_ += uri_;
    atom_.end("id");
    atom_.time("updated", entry.record->created);
    atom_.author();
    atom_.text("summary", entry.record->type);
    if (entry.retry_count) {
      atom_.begin("retryCount");
      append_number(out_, *entry.retry_count);
      atom_.end("retryCount");
    }
    links(entry);
    if (with_content && !entry.through_link && entry.shown != nullptr
        && entry.shown->is_json) {
      auto name = content_attributes_.empty() ? "atom:content" : "content";
      out_ += std::string{"<"} + name + " type=\"application/xml\">";
      append_event(out_, entry, content_attributes_);
      atom_.end("content");
    }
  }

private:
  /// `<base>/streams/<stream>/<number>`, escaped for content and attributes.
  void find_uri(const feed_entry& entry) {
    if (stream_uri_.empty() || stream_ != entry.stream) {
      stream_ = entry.stream;
      stream_uri_.clear();
      append_xml_attribute(stream_uri_, stream_uri(base_, entry.stream));
      stream_uri_ += '/';
    }
    uri_ = stream_uri_;
    append_number(uri_, entry.number.value);
  }

  void links(const feed_entry& entry) {
    atom_.link("edit", uri_);
    atom_.link("alternate", uri_);
    if (group_uri_.empty())
      return;
    auto id = to_string(entry.record->id);
    atom_.link("ack", group_uri_, "/ack/", id);
    atom_.link("nack", group_uri_, "/nack/", id);
  }

  std::string& out_;
  atom_writer atom_;
  std::string_view base_;
  std::string_view content_attributes_;
  std::string group_uri_;
  std::string_view stream_;
  std::string stream_uri_;
  std::string uri_; // of the entry that is being written
};

std::size_t expected_bytes(const feed& what, embed_level embed) {
  std::size_t out = 2048 + what.entries.size() * entry_bytes;
  for (auto& entry : what.entries)
    if (embed == embed_level::content && entry.shown != nullptr)
      out += 2 * (entry.shown->data.size() + entry.shown->metadata.size());
  return out;
}

} // namespace

std::string feed_to_xml(const feed& what, embed_level embed) {
  std::string out;
  out.reserve(expected_bytes(what, embed));
  atom_writer atom{out, {}};
  atom.declare("feed");
  atom.text("title", what.title);
  atom.text("id", what.id);
  atom.time("updated", what.updated);
  atom.author();
  std::string uri;
  for (auto& link : what.links) {
    uri.clear();
    append_xml_attribute(uri, link.uri);
    atom.link(link.relation, uri);
  }
  entry_writer entries{out, what.base, what.group_uri, {}};
  for (auto& entry : what.entries) {
    atom.begin("entry");
    entries.write(entry, embed == embed_level::content);
    atom.end("entry");
  }
  atom.end("feed");
  return out;
}

std::string entry_to_xml(std::string_view base, const feed_entry& entry) {
  std::string out;
  atom_writer atom{out, "atom:"};
  atom.declare("entry");
  entry_writer{out, base, {}, "atom:"}.write(entry, true);
  atom.end("entry");
  return out;
}

std::string event_to_xml(const feed_entry& entry) {
  std::string out = "<event>";
  append_event(out, entry, {});
  out += "</event>";
  return out;
}

std::string data_to_xml(const event& e) {
  std::string out;
  append_payload(out, {"data"}, e, e.data);
  return out;
}

} // namespace callboard
