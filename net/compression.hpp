// Compressed answers, for clients that ask for exactly one coding.
#pragma once

#include "net/http.hpp"

#include <optional>
#include <string_view>

namespace callboard {

/// Shorter bodies are not worth it.
inline constexpr std::size_t compress_bytes_min = 1024;

/// Compresses the body and adds `Content-Encoding`, and `Vary` for caches, if
/// `Accept-Encoding` is literally `gzip` or `deflate`; a list disables it (spec
/// 0.6). Leaves bodies
/// alone that are short, do not get shorter, or have an encoding already.
void compress(http_answer& answer,
              std::optional<std::string_view> accept_encoding);

} // namespace callboard
