// Single values of a settings document, and how a wrong one is told.
#pragma once

#include "net/json_body.hpp"
#include "net/refusal.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace callboard {

/// `NAME is VALUE; allowed: ...`
inline refusal wrong(std::string_view name, const nlohmann::json& value,
                     std::string_view allowed) {
  return {400, std::string{name} + " is " + quoted_value(value)
                 + "; allowed: " + std::string{allowed} + "."};
}

/// For `allowed`.
inline std::string range(std::int64_t least, std::uint64_t most) {
  return "an integer from " + std::to_string(least) + " to "
         + std::to_string(most);
}

/// An integer, also as a string; nothing if it is not one of this type.
template <class Integer>
std::optional<Integer> as_integer(const nlohmann::json& value) {
  auto text = value.is_string()           ? value.get<std::string>()
              : value.is_number_integer() ? value.dump()
                                          : std::string{};
  Integer out{};
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, out);
  if (text.empty() || failed != std::errc{} || stop != end)
    return std::nullopt;
  return out;
}

} // namespace callboard
