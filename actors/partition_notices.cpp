// What happened to groups becomes events of `$callboard-events`.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/partition_actor.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace callboard {

namespace {

constexpr auto sequence_bits = ~(std::uint64_t{7} << 61);

} // namespace

// The stream lies in one partition, and what happens in any: so a notice is a
// delayed message in the record of what it tells of, due at once. Whether its
// events were appended before is told by their ids.

void partition_state::announce(std::vector<notice>&& what, record& into) {
  if (what.empty())
    return;
  auto packed = pack(what);
  auto now = node->now();
  auto waiting = std::size_t(pending.now()[std::size_t(delayed_class::notice)]);
  for (auto& body : packed.bodies) {
    if (waiting >= limits::notices_waiting_max) {
      ++packed.left_out;
      continue;
    }
    delayed_message message{{delayed_ids::notices | ++last_notice},
                            now,
                            delayed_kind::announce,
                            std::string{events_stream},
                            {}};
    message.body = std::move(body);
    into.changes.emplace_back(put_delayed{std::move(message)});
  }
  if (packed.left_out > 0)
    spdlog::warn("not told by {}: too much of it partition={}", events_stream,
                 id.value);
}

caf::result<bool>
partition_state::publish_notices(const delayed_message& message) {
  auto home = others.partition(node->placement.home_of(events_stream));
  if (!home)
    return caf::make_error(errc::unavailable);
  auto promise = self->make_response_promise<bool>();
  if (notices_bounded) {
    append_notices(home, message, promise);
    return promise;
  }
  // Only as the first that is ever said of the stream: what somebody else said
  // of it stays, and makes this wrong_version.
  append_request policy{
    metadata_stream(events_stream),
    expected_version::no_stream,
    {notices_policy()},
    stream_policy{.max_count = limits::notices_kept, .acl = {}}};
  self->request(home, caf::infinite, append_atom_v, std::move(policy))
    .then(
      [=, this](const append_reply&) mutable {
        notices_bounded = true;
        append_notices(home, message, promise);
      },
      [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

void partition_state::append_notices(const partition_actor& home,
                                     const delayed_message& message,
                                     caf::typed_response_promise<bool> to) {
  append_request events{
    std::string{events_stream}, expected_version::any,
    unpack_notices(message.body, id, message.id.value & sequence_bits),
    std::nullopt};
  auto failed = [to](const caf::error& why) mutable { to.deliver(why); };
  self->request(home, caf::infinite, append_atom_v, std::move(events))
    .then(
      [=, this, due = message.due,
       of = message.id](const append_reply&) mutable {
        // Refused only if the stream is deleted for ever: nobody wants them.
        if (rebuilding)
          return void(to.deliver(caf::make_error(errc::unavailable)));
        record todo;
        todo.changes.emplace_back(erase_delayed{due, of});
        record_or_wait(std::move(todo), [to](errc why, log_index) mutable {
          if (why != errc::none)
            to.deliver(caf::make_error(why));
          else
            to.deliver(true);
        });
      },
      failed);
}

} // namespace callboard
