// Events, links and pages to make feeds of.
#pragma once

#include "net/eventstore_feed.hpp"

#include <memory>
#include <string>
#include <vector>

namespace callboard::test {

inline constexpr wall_time noon{1449047868556}; // 2015-12-02T09:17:48.556Z
inline const std::string base = "http://h:2113";

inline event_ptr made(std::uint64_t number, std::string data = R"({"a": 1})",
                      bool is_json = true, std::string metadata = {}) {
  event e;
  e.id = *parse_uuid("c322e299-cb73-4b47-97c5-5054f920746f");
  e.id.bytes[15] = static_cast<std::uint8_t>(number);
  e.type = "SomeEvent";
  e.data = std::move(data);
  e.metadata = std::move(metadata);
  e.is_json = is_json;
  e.number = {number};
  e.created = noon;
  return std::make_shared<const event>(std::move(e));
}

inline event_ptr link_to(std::uint64_t number, std::string target,
                         std::string metadata = {}) {
  event e = *made(number, std::move(target), false, std::move(metadata));
  e.type = link_type;
  e.id.bytes[0] = 0xff;
  e.created = noon + 1000;
  return std::make_shared<const event>(std::move(e));
}

inline event_page page(std::uint64_t next, std::vector<event_ptr> events,
                       std::size_t covered, bool end) {
  event_page out;
  out.head = stream_row{{1}, {next}, {0}, stream_state::live, {}};
  for (auto& e : events)
    out.events.push_back({e, e, {}});
  out.covered = covered;
  out.end_of_stream = end;
  return out;
}

} // namespace callboard::test
