// Plain pages without scripts or styles; every text is escaped as for XML.
#include "net/eventstore_feed_html.hpp"

#include "net/json_text.hpp"
#include "net/xml_text.hpp"

namespace callboard {

namespace {

void begin_page(std::string& out, std::string_view title) {
  out += "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>";
  append_xml_text(out, title);
  out += "</title></head>\n<body>\n<h1>";
  append_xml_text(out, title);
  out += "</h1>\n";
}

void end_page(std::string& out) {
  out += "</body>\n</html>\n";
}

void append_link(std::string& out, std::string_view uri,
                 std::string_view text) {
  out += "<a href=\"";
  append_xml_attribute(out, uri);
  out += "\">";
  append_xml_text(out, text);
  out += "</a>";
}

std::string title_of(const feed_entry& entry) {
  return std::to_string(entry.number.value) + '@' + std::string{entry.stream};
}

void append_row(std::string& out, std::string_view name,
                std::string_view value) {
  out += "<tr><th>";
  append_xml_text(out, name);
  out += "</th><td>";
  append_xml_text(out, value);
  out += "</td></tr>\n";
}

void append_block(std::string& out, std::string_view name,
                  std::string_view text) {
  out += "<h2>";
  append_xml_text(out, name);
  // A parser drops a line feed right behind the tag.
  out += "</h2>\n<pre>\n";
  append_xml_text(out, text);
  out += "</pre>\n";
}

} // namespace

std::string feed_to_html(const feed& what) {
  std::string out;
  begin_page(out, what.title);
  out += "<p>";
  for (auto& link : what.links) {
    append_link(out, link.uri, link.relation);
    out += ' ';
  }
  out += "</p>\n<table>\n";
  for (auto& entry : what.entries) {
    out += "<tr><td>";
    auto uri = stream_uri(what.base, entry.stream) + '/'
               + std::to_string(entry.number.value);
    append_link(out, uri, title_of(entry));
    out += "</td><td>";
    append_xml_text(out, entry.record->type);
    out += "</td><td>";
    append_time(out, entry.record->created);
    out += "</td></tr>\n";
  }
  out += "</table>\n";
  end_page(out);
  return out;
}

std::string event_to_html(std::string_view base, const feed_entry& entry) {
  std::string out;
  auto& e = *entry.shown;
  std::string updated;
  append_time(updated, entry.record->created);
  begin_page(out, title_of(entry));
  out += "<p>";
  append_link(out, stream_uri(base, entry.stream), entry.stream);
  out += "</p>\n<table>\n";
  append_row(out, "eventNumber", std::to_string(e.number.value));
  append_row(out, "eventType", e.type);
  append_row(out, "eventId", to_string(e.id));
  append_row(out, "updated", updated);
  append_row(out, "isJson", e.is_json ? "true" : "false");
  out += "</table>\n";
  append_block(out, "data", e.data);
  append_block(out, "metadata", e.metadata);
  end_page(out);
  return out;
}

} // namespace callboard
