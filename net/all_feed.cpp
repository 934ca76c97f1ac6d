// Links with positions; entries that each name their own stream.
#include "net/all_feed.hpp"

#include <algorithm>
#include <string>

namespace callboard {

namespace {

class link_list {
public:
  link_list(const all_feed_query& query, feed& out)
      : query_(query), out_(out) {}

  void add(std::string_view relation, std::string_view rest = {}) {
    auto& uri = out_.links.emplace_back(feed_link{relation, out_.id}).uri;
    uri += rest;
  }

  void page(std::string_view relation, std::string_view from,
            std::string_view direction) {
    add(relation, "/" + std::string{from} + "/" + std::string{direction} + "/"
                    + std::to_string(query_.count)
                    + std::string{query_.links_query});
  }

private:
  const all_feed_query& query_;
  feed& out_;
};

void add_links(const all_feed_query& query, const all_page& page, feed& out) {
  link_list links{query, out};
  auto backward = query.towards == direction::backward;
  auto older = backward ? !page.end_reached
                        : query.from.value_or(log_position{}) > log_position{};
  auto newer = backward || !page.end_reached || !page.events.empty();
  links.add("self");
  links.page("first", "head", "backward");
  if (older) {
    links.page("last", to_string(log_position{}), "forward");
    links.page("next", to_string(page.older), "backward");
  }
  if (newer)
    links.page("previous", to_string(page.newer), "forward");
  out.links.push_back(
    {"metadata", std::string{query.base} + "/streams/%24all/metadata"});
}

} // namespace

feed all_feed(const all_feed_query& query, const all_page& page,
              std::string_view e_tag) {
  feed out;
  auto backward = query.towards == direction::backward;
  auto from_head = backward && !query.from;
  out.base = query.base;
  out.title = "All events";
  out.id = std::string{query.base} + std::string{query.path};
  if (!page.events.empty())
    out.updated = page.events.front().what.original->created;
  out.head_of_stream = backward ? from_head : page.end_reached;
  out.has_self_url = backward;
  if (from_head)
    out.e_tag = e_tag;
  add_links(query, page, out);
  out.entries.reserve(page.events.size());
  for (auto& e : page.events)
    out.entries.push_back(entry_of(e.what, e.stream));
  if (!backward)
    std::reverse(out.entries.begin(), out.entries.end());
  return out;
}

} // namespace callboard
