// A feed around its entries; single events; descriptions.
#include "net/eventstore_feed_json.hpp"

#include "net/eventstore_entry_json.hpp"
#include "net/json_layout.hpp"
#include "net/json_members.hpp"

#include <array>
#include <span>

namespace callboard {

namespace {

/// Bytes of an entry besides its payload and names, roughly.
constexpr std::size_t json_entry_bytes = 1200;

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
  json_entry_writer writer{out,
                           {.base = what.base,
                            .group_uri = what.group_uri,
                            .embed = embed,
                            .with_content = embed == embed_level::content,
                            .nested = true}};
  for (std::size_t i = 0; i < what.entries.size(); ++i) {
    if (i > 0)
      out += ',';
    append_line(out, 2);
    writer.write(what.entries[i]);
  }
  if (!what.entries.empty())
    append_line(out, 1);
  out += ']';
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
  out.reserve(
    what.expected_bytes(json_entry_bytes, embed != embed_level::none
                                            && embed != embed_level::rich));
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
  json_entry_writer{out, {.base = base, .embed = embed, .with_content = true}}
    .write(entry);
  return out;
}

std::string event_to_json(const feed_entry& entry) {
  std::string out;
  append_json_event(out, entry, 0);
  return out;
}

std::string data_to_json(const event& e) {
  std::string out;
  auto bytes_max = indented_growth_max * e.data.size();
  if (!e.is_json
      || append_indented(out, e.data, bytes_max, json_grammar::lenient)
           != errc::none)
    append_json_value(out, e, e.data);
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
