// Why a request is refused before anybody is asked: a status and a text.
#pragma once

#include <boost/system/result.hpp>

#include <ostream>
#include <stdexcept>
#include <string>

namespace callboard {

/// The text is for people: it names what was wrong, what was found and what is
/// allowed, unless the dialect prescribes another one (spec 0.8).
struct refusal {
  unsigned status = 400;
  std::string text;

  friend bool operator==(const refusal&, const refusal&) = default;
};

/// For logs and failing tests.
inline std::ostream& operator<<(std::ostream& out, const refusal& why) {
  return out << why.status << ' ' << why.text;
}

/// Something that was read out of a request, or why it could not be.
template <class T>
using accepted = boost::system::result<T, refusal>;

/// Called by `accepted::value()`, as for `result`: a programming error.
[[noreturn]] inline void
throw_exception_from_error(const refusal& why, const boost::source_location&) {
  throw std::logic_error{why.text};
}

} // namespace callboard
