// Templates of a group's shell, for its own source files only.
#pragma once

#include "actors/group_actor.hpp"
#include "actors/guarded.hpp"

#include <utility>

namespace callboard {

template <class Promise>
void group_state::guard(Promise to, const std::function<void()>& act) {
  guarded([&] { act(); },
          [&](const std::exception& error) {
            crashed(error);
            to.deliver(caf::make_error(errc::unavailable));
          });
}

template <class Reply, class Act>
caf::result<Reply> group_state::once_identified(Act act) {
  if (ending != errc::none)
    return caf::make_error(ending);
  auto promise = self->make_response_promise<Reply>();
  auto run = [this, act = std::move(act), promise](errc ended) mutable {
    if (ended != errc::none)
      return void(promise.deliver(caf::make_error(ended)));
    guard(promise, [&] { act(promise); });
  };
  if (identifying)
    deferred.push_back(std::move(run));
  else
    run(errc::none);
  return promise;
}

} // namespace callboard
