// The JSON of each event goes on as it came.
#include "net/pushed_lines.hpp"

#include <simdjson.h>

#include <algorithm>

namespace callboard {

void append_data_lines(std::string& to, std::string_view text) {
  // Each of \r\n, \n and \r ends a line. Mostly there is none in megabytes.
  auto feed = text.find('\n');
  auto back = text.find('\r');
  for (std::size_t at = 0;;) {
    auto end = std::min(feed, back);
    to.append("data: ").append(text.substr(at, end - at)).append("\n");
    if (end == std::string_view::npos)
      return;
    at = end + (back == end && feed == end + 1 ? 2 : 1);
    if (feed < at)
      feed = text.find('\n', at);
    if (back < at)
      back = text.find('\r', at);
  }
}

pushed_batch pushed_lines(std::string_view body) {
  pushed_batch out;
  simdjson::padded_string bytes{body};
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document all;
  simdjson::ondemand::array events;
  if (parser.iterate(bytes).get(all) != simdjson::SUCCESS
      || all["events"].get_array().get(events) != simdjson::SUCCESS)
    return out;
  for (auto each : events) {
    simdjson::ondemand::object event;
    std::string_view id;
    std::string_view lease;
    std::string_view text;
    if (each.get_object().get(event) != simdjson::SUCCESS
        || event["id"].get_string().get(id) != simdjson::SUCCESS
        || event["lease"].get_string().get(lease) != simdjson::SUCCESS)
      break;
    out.leases.emplace_back(lease);
    auto name = std::string{lease}.append("/").append(id);
    if (event.raw_json().get(text) != simdjson::SUCCESS)
      break;
    out.lines.append("id: ").append(name).append("\n");
    append_data_lines(out.lines, text);
    out.lines.append("\n");
  }
  return out;
}

std::deque<std::string> pushed_leases(std::string_view body) {
  return pushed_lines(body).leases;
}

} // namespace callboard
