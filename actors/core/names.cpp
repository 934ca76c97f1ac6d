// Putting names together and taking them apart.
#include "actors/core/names.hpp"

namespace callboard {

namespace {

constexpr std::string_view group_prefix = "$persistentsubscription-";
constexpr std::string_view checkpoint_suffix = "-checkpoint";

} // namespace

std::string metadata_stream(std::string_view stream) {
  return "$$" + std::string{stream};
}

std::string parked_stream(std::string_view stream, std::string_view group) {
  std::string out{group_prefix};
  return out.append(stream).append("::").append(group).append("-parked");
}

std::string checkpoint_stream(std::string_view stream, std::string_view group) {
  std::string out{group_prefix};
  return out.append(stream).append("::").append(group).append(
    checkpoint_suffix);
}

std::optional<std::pair<std::string_view, std::string_view>>
checkpointed_group(std::string_view stream) noexcept {
  if (!stream.starts_with(group_prefix) || !stream.ends_with(checkpoint_suffix))
    return std::nullopt;
  auto end = stream.size() - checkpoint_suffix.size();
  auto split = stream.find("::", group_prefix.size());
  if (split == std::string_view::npos || split + 2 > end)
    return std::nullopt;
  return std::pair{
    stream.substr(group_prefix.size(), split - group_prefix.size()),
    stream.substr(split + 2, end - split - 2)};
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
