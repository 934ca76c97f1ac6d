// The JSON of each event goes on as it came.
#include "net/pushed_lines.hpp"

#include <simdjson.h>

namespace callboard {

std::string data_lines(std::string_view text) {
  std::string out = "data: ";
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\r'
        || text[i] == '\n') { // each of the three is a line's end
      if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n')
        ++i;
      out += "\ndata: ";
    } else
      out += text[i];
  return out += '\n';
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
    out.lines.append("id: ")
      .append(name)
      .append("\n")
      .append(data_lines(text))
      .append("\n");
  }
  return out;
}

std::deque<std::string> pushed_leases(std::string_view body) {
  return pushed_lines(body).leases;
}

} // namespace callboard
