// Bodies of producers and names of topics; the first byte chooses the format.
#include "actors/core/limits.hpp"
#include "actors/core/topics.hpp"
#include "net/barco_records.hpp"
#include "net/json_layout.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

namespace {

/// The same bytes out of the records as went in, but for what separates them.
std::size_t bytes_of(const std::vector<new_event>& records) {
  std::size_t out = 0;
  for (auto& one : records)
    out += one.data.size();
  return out;
}

void check_name(std::string_view name) {
  if (!check_topic(name))
    return;
  ring placement{4};
  for (std::uint64_t p = 0; p < 4; ++p) {
    auto stream = topic_stream(placement, name, {p});
    if (placement.home_of(stream) != partition_id{p}
        || part_of(placement, stream)
             != topic_part{std::string{name}, partition_id{p}}
        || stream.size() > limits::stream_name_bytes_max)
      __builtin_trap();
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0)
    return 0;
  auto format = static_cast<record_format>(data[0] % 3);
  std::string body{reinterpret_cast<const char*>(data) + 1, size - 1};
  check_name(body);
  auto records = read_records(format, body, std::nullopt);
  if (!records)
    return 0;
  auto most =
    body.size() - (format == record_format::frames ? 4 * records->size() : 0);
  if (records->empty() || bytes_of(*records) > most
      || (format != record_format::lines && bytes_of(*records) != most))
    __builtin_trap();
  for (auto& one : *records)
    if (one.is_json && !is_json(one.data)
        && json_depth(one.data) <= json_depth_max)
      __builtin_trap();
  return 0;
}
