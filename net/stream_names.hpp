// Which stream a request of the Event Store dialect is about.
#pragma once

#include "actors/core/topics.hpp"
#include "net/eventstore_services.hpp"

#include <string>

namespace callboard {

/// The stream that a route's `{stream}` names. Routes ask for it here only: a
/// stream has names that it is not stored by.
inline std::string named_stream(const services_ptr& services,
                                const http_request& request) {
  return canonical_stream(services->placement, request.parameter("stream"));
}

} // namespace callboard
