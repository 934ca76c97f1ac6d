// Templates into one string, as for JSON; only a content is looked into.
#include "net/eventstore_feed_xml.hpp"

#include "net/json_layout.hpp"
#include "net/json_text.hpp"
#include "net/json_xml.hpp"
#include "net/text_form.hpp"
#include "net/xml_text.hpp"

#include <array>

namespace callboard {

namespace {

constexpr std::string_view atom_namespace = "http://www.w3.org/2005/Atom";

/// Names are repeated for each value of an array. What would be more than so
/// many times its size as elements is shown as text: a page must not grow
/// without a bound.
constexpr std::size_t growth_max = 16;
constexpr std::size_t growth_bytes_min = std::size_t{16} << 10;

/// Bytes of an entry besides its content and names, roughly.
constexpr std::size_t atom_entry_bytes = 900;

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

  void begin_link() {
    out_ += '<';
    out_ += prefix_;
    out_ += "link href=\"";
  }

  void end_link(std::string_view relation) {
    out_ += "\" rel=\"";
    out_ += relation;
    out_ += "\" />";
  }

private:
  std::string& out_;
  std::string_view prefix_;
};

/// What differs between entries.
enum class atom_hole : std::uint8_t {
  number,
  stream,
  uri,
  updated,
  summary,
  retry_count,
  group_uri,
  record_id,
  lease,
  content,
};

using atom_form = text_form<atom_hole>;

/// What decides which elements an entry has, and how they are called.
struct atom_shape {
  bool retries = false;
  bool acks = false;
  bool content = false;
  bool prefixed = false; // `atom:` stands before all names

  static constexpr std::size_t count = 16;

  static constexpr atom_shape at(std::size_t index) noexcept {
    auto bit = [index](unsigned n) { return (index >> n & 1) != 0; };
    return {bit(0), bit(1), bit(2), bit(3)};
  }

  constexpr std::size_t index() const noexcept {
    return std::size_t{retries} | std::size_t{acks} << 1
           | std::size_t{content} << 2 | std::size_t{prefixed} << 3;
  }
};

/// Lays out all that is inside of an entry of one shape.
atom_form lay_out(const atom_shape& shape) {
  atom_form out;
  atom_writer atom{out.text(), shape.prefixed ? "atom:" : ""};
  auto element = [&](std::string_view name, atom_hole what) {
    atom.begin(name);
    out.hole(what);
    atom.end(name);
  };
  auto link = [&](std::string_view relation, atom_hole uri,
                  std::string_view verb,
                  atom_hole object = atom_hole::record_id) {
    atom.begin_link();
    out.hole(uri);
    if (!verb.empty()) {
      out.text() += verb;
      out.hole(object);
    }
    atom.end_link(relation);
  };
  atom.begin("title");
  out.hole(atom_hole::number);
  out.text() += '@';
  out.hole(atom_hole::stream);
  atom.end("title");
  element("id", atom_hole::uri);
  element("updated", atom_hole::updated);
  atom.author();
  element("summary", atom_hole::summary);
  if (shape.retries)
    element("retryCount", atom_hole::retry_count);
  link("edit", atom_hole::uri, {});
  link("alternate", atom_hole::uri, {});
  if (shape.acks) {
    link("ack", atom_hole::group_uri, "/ack/");
    link("nack", atom_hole::group_uri, "/nack/");
    link("extend", atom_hole::group_uri, "/extend?lease=", atom_hole::lease);
  }
  if (shape.content) {
    out.text() += shape.prefixed ? "<atom:content" : "<content";
    out.text() += " type=\"application/xml\">";
    out.hole(atom_hole::content);
    atom.end("content");
  }
  return out;
}

const atom_form& form_of(const atom_shape& shape) {
  static const auto all = [] {
    std::array<atom_form, atom_shape::count> out;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = lay_out(atom_shape::at(i));
    return out;
  }();
  return all[shape.index()];
}

/// Writes the entries of one document; what they share is escaped once.
class entry_writer {
public:
  entry_writer(std::string& out, std::string_view base,
               std::string_view group_uri, bool prefixed)
      : out_(out), base_(base), prefixed_(prefixed) {
    append_xml_attribute(group_uri_, group_uri);
  }

  /// All that is inside of an entry.
  void write(const feed_entry& entry, bool with_content) {
    find_uri(entry);
    auto& record = *entry.record;
    atom_shape shape{.retries = entry.retry_count.has_value(),
                     .acks = !group_uri_.empty(),
                     .content = with_content && has_content(entry),
                     .prefixed = prefixed_};
    auto& form = form_of(shape);
    form.write(out_, [&](atom_hole what) {
      switch (what) {
        case atom_hole::number: return append_number(out_, entry.number.value);
        case atom_hole::stream: return append_xml_text(out_, entry.stream);
        case atom_hole::uri: out_ += uri_; return;
        case atom_hole::updated: return append_time(out_, record.created);
        case atom_hole::summary: return append_xml_value(out_, record.type);
        case atom_hole::retry_count:
          return append_number(out_, *entry.retry_count);
        case atom_hole::group_uri: out_ += group_uri_; return;
        case atom_hole::record_id: return append_id(out_, record.id);
        case atom_hole::lease: out_ += entry.lease; return;
        case atom_hole::content:
          return append_event(out_, entry, prefixed_ ? "" : R"( xmlns="")");
      }
    });
  }

private:
  static bool has_content(const feed_entry& entry) noexcept {
    return !entry.through_link && entry.shown != nullptr
           && entry.shown->is_json;
  }

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

  std::string& out_;
  std::string_view base_;
  bool prefixed_;
  std::string group_uri_;
  std::string_view stream_;
  std::string stream_uri_;
  std::string uri_; // of the entry that is being written
};

} // namespace

std::string feed_to_xml(const feed& what, embed_level embed) {
  std::string out;
  out.reserve(
    what.expected_bytes(atom_entry_bytes, embed == embed_level::content));
  atom_writer atom{out, {}};
  atom.declare("feed");
  atom.text("title", what.title);
  atom.text("id", what.id);
  atom.time("updated", what.updated);
  atom.author();
  for (auto& link : what.links) {
    atom.begin_link();
    append_xml_attribute(out, link.uri);
    atom.end_link(link.relation);
  }
  entry_writer entries{out, what.base, what.group_uri, false};
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
  entry_writer{out, base, {}, true}.write(entry, true);
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
