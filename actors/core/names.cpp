// Putting names together and taking them apart.
#include "actors/core/names.hpp"

namespace callboard {

namespace {

constexpr std::string_view group_prefix = "$persistentsubscription-";

} // namespace

std::string metadata_stream(std::string_view stream) {
  return "$$" + std::string{stream};
}

std::string parked_stream(std::string_view stream, std::string_view group) {
  std::string out{group_prefix};
  return out.append(stream).append("::").append(group).append("-parked");
}

std::string_view home_stream(std::string_view stream) noexcept {
  for (;;)
    if (stream.starts_with("$$"))
      stream.remove_prefix(2);
    else if (stream.starts_with(group_prefix))
      stream.remove_prefix(group_prefix.size());
    else
      return stream.substr(0, stream.find("::"));
}

} // namespace callboard
