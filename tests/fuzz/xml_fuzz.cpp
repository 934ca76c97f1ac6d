// XML that clients send, and JSON that is shown to them as XML.
#include "net/eventstore_batch.hpp"
#include "net/eventstore_settings.hpp"
#include "net/json_layout.hpp"
#include "net/json_xml.hpp"
#include "net/xml_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

namespace {

/// What is written can be read, if it is not too deep.
void check_written(std::string_view json) {
  constexpr std::ptrdiff_t opened_max = xml_depth_max - 4;
  std::string xml;
  if (append_json_as_xml(xml, {"data"}, json, 1 << 20) != errc::none)
    return;
  auto opened = std::count(json.begin(), json.end(), '{')
                + std::count(json.begin(), json.end(), '[');
  if (opened < opened_max && !xml_to_json(xml))
    __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view body{reinterpret_cast<const char*>(data), size};
  if (auto json = xml_to_json(body)) {
    if (!is_json(*json))
      __builtin_trap();
    check_written(*json);
  }
  if (is_json(body))
    check_written(body);
  [[maybe_unused]] auto events = parse_xml_batch(body);
  [[maybe_unused]] auto settings = parse_xml_group_settings(body);
  return 0;
}
