// Every way to fail, named once, and the value-or-reason that functions return.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace callboard {

/// A code exists only if some caller acts differently on it. `net/status.hpp`
/// maps each code to an HTTP status; nothing else may.
enum class errc : std::uint8_t {
  none = 0,
  invalid_argument,
  not_found,
  already_exists,
  wrong_version,      // the stream is not where the writer expects it
  stream_deleted,     // tombstoned: gone for ever
  too_large,          // beyond a bound of limits.hpp
  too_many_in_flight, // try again once something has been settled
  overloaded,         // a queue is full: try again later
  timed_out,
  unavailable,    // not served here, or not now; the outcome may be unknown
  storage_full,   // nothing was recorded; reads go on
  storage_failed, // nothing was recorded; reads go on
  corrupt,        // what was read is not what was written
  locked,         // another process has the data directory
  unknown_format, // written by a newer version, or not by us
};

std::string_view to_string(errc code) noexcept;
std::ostream& operator<<(std::ostream& out, errc code);

/// A value, or the reason there is none.
template <class T>
using result = boost::system::result<T, errc>;

/// Called by `result::value()` on an error: reading a value that is not there
/// is a programming error, so it throws. Found by Boost through ADL.
[[noreturn]] void throw_exception_from_error(errc code,
                                             const boost::source_location&);

} // namespace callboard
