// Server-Sent Events: what a group delivers, pushed over one answer.
#pragma once

#include "actors/core/limits.hpp"
#include "net/http.hpp"

#include <chrono>

namespace callboard {

struct push_options {
  /// Serves, or forwards to who does: settles come from here as they would from
  /// a client.
  http_handler next;
  std::chrono::milliseconds heartbeat = limits::push_heartbeat;
  /// Until a broker that is not there is asked again; also what the client is
  /// told to wait before it comes back.
  std::chrono::milliseconds pause = std::chrono::seconds{1};
};

/// A handler for the listener of one io thread that serves
///
///     GET /subscriptions/{stream}/{group}/events?maxInFlight=20&consumer=NAME
///
/// and hands all else on to `next`. The answer is `text/event-stream`: each
/// event is leased by a settle with `next` that is asked here in the client's
/// place, with its headers, so it works on any node of a cluster. The group
/// never has more than `maxInFlight` events leased to the connection (by its
/// consumer's name, which is made up if there is none), so what is settled by
/// other requests makes room for what is pushed next.
///
///     id: g7-l12/8f5c…        the lease, and the event
///     data: {"id": …}         as in the answer to a settle
///
/// A comment every `heartbeat` says that the connection lives. When it breaks,
/// or the server stops, its latest leases are given back, uncharged; so a
/// client that comes back misses nothing, and `Last-Event-ID` gives back the
/// lease it names if the broken connection was not noticed yet; its events come
/// to who named it, before others that wait. What cannot be leased before the
/// answer has begun is answered as the settle was, and later told as `event:
/// problem`, which ends the stream and gives the leases back unless that is
/// refused too; a node without a leader is asked again, unless it was removed
/// from its cluster.
http_handler push_events(push_options options);

} // namespace callboard
