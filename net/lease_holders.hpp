// Who a consumer says it is, and what it says of an event.
#pragma once

#include "actors/core/record.hpp"
#include "net/http.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// `Consumer-Name`, else the login, else nothing; and the client's address. A
/// name with control characters is refused: it is shown in lines of text.
accepted<lease_holder> holder_of(const http_request& request);

/// The beginning of what somebody says, as much as is kept
/// (`limits::words_bytes_max`), whole characters, with spaces in the place of
/// control characters.
std::string kept_words(std::string_view text);

} // namespace callboard
