// Where exceptions of an actor's handlers end.
#pragma once

#include "actors/messages.hpp"

#include <caf/result.hpp>

#include <exception>
#include <type_traits>

namespace callboard {

/// Runs a handler. An exception is a bug, or no memory: `failed` drops what was
/// half decided, and the requester is told that it does not know the outcome.
template <class Handler, class Failed>
auto guarded(Handler handle, Failed failed) -> decltype(handle()) {
  try {
    return handle();
  } catch (const std::exception& error) {
    failed(error);
    if constexpr (!std::is_void_v<decltype(handle())>)
      return caf::make_error(errc::unavailable);
  }
}

} // namespace callboard
