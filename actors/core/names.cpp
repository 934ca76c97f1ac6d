// Putting names together and taking them apart.
#include "actors/core/names.hpp"

#include <charconv>

namespace callboard {

namespace {

constexpr std::string_view group_prefix = "$persistentsubscription-";
constexpr std::string_view parked_suffix = "-parked";
constexpr std::string_view kept_suffix = "-kept";
constexpr std::string_view checkpoint_suffix = "-checkpoint";

std::string stream_of_group(std::string_view stream, std::string_view group,
                            std::string_view suffix) {
  std::string out{group_prefix};
  return out.append(stream).append("::").append(group).append(suffix);
}

/// S and G of `$persistentsubscription-S::G` with the suffix behind it.
std::optional<std::pair<std::string_view, std::string_view>>
group_of(std::string_view stream, std::string_view suffix) noexcept {
  if (!stream.starts_with(group_prefix) || !stream.ends_with(suffix))
    return std::nullopt;
  auto end = stream.size() - suffix.size();
  auto split = stream.find("::", group_prefix.size());
  if (split == std::string_view::npos || split + 2 > end)
    return std::nullopt;
  return std::pair{
    stream.substr(group_prefix.size(), split - group_prefix.size()),
    stream.substr(split + 2, end - split - 2)};
}

} // namespace

std::string metadata_stream(std::string_view stream) {
  return "$$" + std::string{stream};
}

std::string parked_stream(std::string_view stream, std::string_view group) {
  return stream_of_group(stream, group, parked_suffix);
}

std::string kept_stream(std::string_view stream, std::string_view group) {
  return stream_of_group(stream, group, kept_suffix);
}

std::string checkpoint_stream(std::string_view stream, std::string_view group) {
  return stream_of_group(stream, group, checkpoint_suffix);
}

std::optional<std::pair<std::string_view, std::string_view>>
checkpointed_group(std::string_view stream) noexcept {
  return group_of(stream, checkpoint_suffix);
}

bool belongs_to_group(std::string_view stream) noexcept {
  return is_parked_stream(stream) || is_kept_stream(stream)
         || group_of(stream, checkpoint_suffix);
}

bool is_parked_stream(std::string_view stream) noexcept {
  return group_of(stream, parked_suffix).has_value();
}

bool is_kept_stream(std::string_view stream) noexcept {
  return group_of(stream, kept_suffix).has_value();
}

std::string_view home_stream(std::string_view stream) noexcept {
  for (;;)
    if (stream.starts_with("$$"))
      stream.remove_prefix(2);
    else if (stream.starts_with(group_prefix))
      stream.remove_prefix(group_prefix.size());
    else
      break;
  auto end = stream.find("::");
  // What is made of `a:` and `::` reads as made of `a`.
  if (end == std::string_view::npos && stream.ends_with(':'))
    end = stream.size() - 1;
  return stream.substr(0, end);
}

std::optional<marked_name> read_mark(std::string_view name,
                                     std::size_t partitions) noexcept {
  auto at = name.rfind('@');
  if (at == std::string_view::npos)
    return std::nullopt;
  auto digits = name.substr(at + 1);
  std::uint64_t partition = 0;
  auto* end = digits.data() + digits.size();
  auto [stop, failed] = std::from_chars(digits.data(), end, partition);
  if (failed != std::errc{} || stop != end || partition >= partitions
      || (digits.size() > 1 && digits.front() == '0'))
    return std::nullopt;
  return marked_name{name.substr(0, at), partition};
}

std::optional<std::pair<event_number, std::string>>
parse_link(std::string_view text) {
  auto at = text.find('@');
  if (at == std::string_view::npos || at + 1 == text.size())
    return std::nullopt;
  event_number number;
  auto [end, failed] =
    std::from_chars(text.data(), text.data() + at, number.value);
  if (failed != std::errc{} || end != text.data() + at)
    return std::nullopt;
  return std::pair{number, std::string{text.substr(at + 1)}};
}

} // namespace callboard
