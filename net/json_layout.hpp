// JSON text laid out anew: values, numbers and member order stay as written.
#pragma once

#include "actors/core/error.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// `strict`: RFC 8259, behind an optional byte order mark. `lenient`: also what
/// Event Store's reader takes: comments, single quotes, names without quotes, a
/// comma before a closing bracket.
enum class json_grammar : std::uint8_t { strict, lenient };

/// Deeper documents are not read: indenting costs depth for each value.
inline constexpr std::size_t json_depth_max = 256;

std::string_view without_byte_order_mark(std::string_view text) noexcept;

/// Whether `text` is one JSON document in UTF-8. (simdjson would refuse
/// integers of more than 64 bits, which are valid JSON and must pass.)
bool is_json(std::string_view text);

/// The first byte of the document behind white space and a byte order mark, or
/// 0: tells an object from an array without reading it.
char first_of_json(std::string_view text) noexcept;

/// The most arrays and objects inside each other, whether or not the rest is
/// JSON.
std::size_t json_depth(std::string_view text) noexcept;

/// Appends `text` with two spaces an indentation level, `\n` line ends, `{}`
/// and `[]` for what is empty. What is appended is always strict JSON. On an
/// error `out` is as it was.
/// Errors: invalid_argument (not JSON, or deeper than `depth_max`), too_large
/// (more than `bytes_max` bytes).
errc append_indented(std::string& out, std::string_view text,
                     std::size_t bytes_max,
                     json_grammar grammar = json_grammar::strict,
                     std::size_t depth_max = json_depth_max);

/// The document as strict JSON without white space, or nothing.
std::optional<std::string> to_strict_json(std::string_view text);

} // namespace callboard
