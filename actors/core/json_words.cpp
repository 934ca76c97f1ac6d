// Escaping, and back.
#include "actors/core/json_words.hpp"

#include <charconv>
#include <cstdio>
#include <ctime>

namespace callboard {

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text)
    if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned(c));
      out += escaped;
    } else
      out.push_back(c);
  return out + '"';
}

std::string read_json_text(std::string_view json) {
  std::string out;
  if (!json.starts_with('"'))
    return out;
  json.remove_prefix(1);
  while (!json.empty() && json.front() != '"') {
    if (json.front() != '\\') {
      out.push_back(json.front());
      json.remove_prefix(1);
    } else if (json.size() >= 6 && json[1] == 'u') {
      unsigned code = 0;
      std::from_chars(json.data() + 2, json.data() + 6, code, 16);
      out.push_back(char(code));
      json.remove_prefix(6);
    } else if (json.size() >= 2) {
      out.push_back(json[1]);
      json.remove_prefix(2);
    } else
      break;
  }
  return out;
}

std::string iso_time(wall_time at) {
  auto seconds = std::time_t(at.value / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03u+00:00",
                unsigned(at.value % 1000));
  return text;
}

} // namespace callboard
