// Positions of `$all` as clients send them.
#include "actors/core/log_position.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto position = parse_log_position(text);
  if (position && parse_log_position(to_string(*position)) != position)
    __builtin_trap(); // a link that we write must lead to where it says
  return 0;
}
