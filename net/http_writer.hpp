// An answer to bytes: formatted by hand, since this is on every path.
#pragma once

#include "net/http.hpp"

#include <ctime>
#include <string>
#include <string_view>

namespace callboard {

/// The `Date` header, formatted anew only when the second changes.
class date_header {
public:
  /// The whole line.
  std::string_view now();

private:
  std::time_t second_ = -1;
  std::string line_;
};

/// What else decides the lines of an answer's head.
struct answer_context {
  std::string_view date; // whole line
  std::string_view header_block{};
  bool keep_alive = true;
  bool old_client = false; // HTTP/1.0 must be told about keep-alive
  bool streamed = false;   // the body comes later: chunked, or up to the end
};

/// Appends status line and headers, up to and with the empty line.
void append_head(std::string& out, const http_answer& answer,
                 const answer_context& context);

/// A part of a chunked body; the last one is empty.
void append_chunk(std::string& out, std::string_view part);

/// False for what goes without a body whatever the answer holds: 1xx, 204, 304.
bool may_have_body(http_status status) noexcept;

} // namespace callboard
