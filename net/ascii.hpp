// ASCII texts in any case.
#pragma once

#include <cstddef>
#include <string_view>

namespace callboard {

/// Whether two texts are the same but for the case of ASCII letters. Unlike
/// Beast's it reads nothing behind their ends.
constexpr bool iequals(std::string_view a, std::string_view b) noexcept {
  constexpr auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i]))
      return false;
  return true;
}

} // namespace callboard
