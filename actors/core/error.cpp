// The names of the error codes, for logs and for people.
#include "actors/core/error.hpp"

#include <ostream>
#include <stdexcept>
#include <string>

namespace callboard {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::none: return "none";
    case errc::invalid_argument: return "invalid_argument";
    case errc::not_found: return "not_found";
    case errc::already_exists: return "already_exists";
    case errc::wrong_version: return "wrong_version";
    case errc::stream_deleted: return "stream_deleted";
    case errc::too_large: return "too_large";
    case errc::too_many_in_flight: return "too_many_in_flight";
    case errc::overloaded: return "overloaded";
    case errc::timed_out: return "timed_out";
    case errc::unavailable: return "unavailable";
    case errc::storage_full: return "storage_full";
    case errc::storage_failed: return "storage_failed";
    case errc::corrupt: return "corrupt";
    case errc::locked: return "locked";
    case errc::unknown_format: return "unknown_format";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, errc code) {
  return out << to_string(code);
}

void throw_exception_from_error(errc code, const boost::source_location&) {
  throw std::logic_error{std::string{to_string(code)}};
}

} // namespace callboard
