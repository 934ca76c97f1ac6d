// Lease tokens as text: `g7-l12`.
#include "actors/core/group_requests.hpp"

#include <charconv>

namespace callboard {

namespace {

/// The number behind `mark` at the front of `text`, which it is cut from.
std::optional<std::uint64_t> take_number(std::string_view& text, char mark) {
  if (text.empty() || text.front() != mark)
    return std::nullopt;
  std::uint64_t out = 0;
  auto* last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data() + 1, last, out);
  if (error != std::errc{})
    return std::nullopt;
  text.remove_prefix(std::size_t(end - text.data()));
  return out;
}

} // namespace

std::string to_string(const lease_token& token) {
  return "g" + std::to_string(token.group.value) + "-l"
         + std::to_string(token.lease.value);
}

std::optional<lease_token> parse_lease_token(std::string_view text) {
  auto group = take_number(text, 'g');
  if (!group || text.empty() || text.front() != '-')
    return std::nullopt;
  text.remove_prefix(1);
  auto lease = take_number(text, 'l');
  if (!lease || !text.empty())
    return std::nullopt;
  return lease_token{{*group}, {*lease}};
}

} // namespace callboard
