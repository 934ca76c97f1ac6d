// Ask, answer, or give back.
#include "actors/session_actor.hpp"

#include <utility>

namespace callboard {

caf::result<delivery_batch_ptr> session_state::fetch(fetch_request& what) {
  key = what.key;
  what.session = self->id();
  auto promise = self->make_response_promise<delivery_batch_ptr>();
  auto& partition = partitions.front();
  self->request(partition, caf::infinite, fetch_atom_v, std::move(what))
    .then(
      [this, promise](delivery_batch_ptr& batch) mutable {
        if (poll.deliver() == session::outcome::give_back
            && !batch->events.empty())
          self->send(partitions.front(), release_atom_v, key,
                     batch->events.front().lease);
        promise.deliver(std::move(batch));
        self->quit();
      },
      [this, promise](caf::error& why) mutable {
        poll.deliver();
        promise.deliver(std::move(why));
        self->quit();
      });
  return promise;
}

caf::result<event_number> session_state::await(const std::string& stream,
                                               event_number number,
                                               std::uint64_t wait_ms) {
  key = {stream, {}};
  auto promise = self->make_response_promise<event_number>();
  for (auto& partition : partitions)
    self
      ->request(partition, caf::infinite, await_atom_v, stream, number,
                std::uint64_t(self->id()), wait_ms)
      .then(
        [this, promise](event_number next) mutable {
          poll.deliver();
          promise.deliver(next);
          end_wait();
        },
        [this, promise](caf::error& why) mutable {
          poll.deliver();
          promise.deliver(std::move(why));
          end_wait();
        });
  return promise;
}

/// The first one answered; nobody hears the others any more.
void session_state::end_wait() {
  if (partitions.size() > 1)
    cancel();
  self->quit();
}

void session_state::cancel() {
  for (auto& partition : partitions)
    self->send(partition, cancel_atom_v, key, std::uint64_t(self->id()));
}

void session_state::client_gone() {
  if (poll.leave())
    cancel();
}

session_actor::behavior_type
session_behavior(session_actor::stateful_pointer<session_state> self,
                 std::vector<partition_actor> partitions) {
  auto& state = self->state;
  state.self = self;
  state.partitions = std::move(partitions);
  return {
    [&](fetch_atom, fetch_request& what) { return state.fetch(what); },
    [&](await_atom, const std::string& stream, event_number number,
        std::uint64_t wait_ms) { return state.await(stream, number, wait_ms); },
    [&](cancel_atom) { state.client_gone(); },
  };
}

session_actor spawn_session(caf::actor_system& sys,
                            std::vector<partition_actor> partitions) {
  return sys.spawn(session_behavior, std::move(partitions));
}

} // namespace callboard
