// What stands before the handlers of a cluster's node, on each io thread.
#pragma once

#include "listening.hpp"
#include "net/consumer_front.hpp"
#include "net/forwarded_frames.hpp"
#include "net/forwarded_requests.hpp"
#include "net/leadership_front.hpp"
#include "net/request_forwarder.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

/// Has requests answered by this node's actors while it leads, and by the
/// leader's while it does not.
class forwarding {
public:
  /// `send`, `url_of`: see `forwarder_options`.
  forwarding(const listening& at, node_id self, peer_send send,
             std::function<std::string(node_id)> url_of);

  // --- on the thread of that number ------------------------------------------

  /// Puts fronts in place of the handlers that `of` has. While this node does
  /// not lead, what `is_own` says is about the node itself goes to the handler
  /// that was there, and so does what needs no leader of producers and
  /// consumers
  /// (`…_answered_anywhere`).
  void stand_before(std::size_t thread, thread_handlers& of,
                    std::function<bool(const http_request&)> is_own);

  /// This node leads: `by` answers, also what other nodes forward.
  void lead(std::size_t thread, const thread_handlers& by);

  /// It is about to hand its leadership over: what is new waits for the next
  /// leader. Returns how much is still in progress here; call it again.
  std::size_t hold(std::size_t thread);

  /// It does not any more: what is in progress is answered 503.
  void leave(std::size_t thread);

  // --- any thread ------------------------------------------------------------

  /// Another node leads, or nobody that is known.
  void follow(std::optional<node_id> leader);

  /// Whether the node belongs to its cluster; else it refuses all that is not
  /// about itself, until it does again. It does not lead.
  void take_part(bool does);

  /// A frame of another node.
  void received(node_id from, std::uint8_t kind, std::string bytes);

  void peer_down(node_id node);

  /// The node stops: who waits at other nodes is answered with what there is.
  void stopping();

  /// Its own connections are gone; what is left is answered 503.
  void stop();

private:
  struct thread {
    boost::asio::io_context* context = nullptr;
    std::shared_ptr<request_forwarder> forwarder;
    std::shared_ptr<forwarded_requests> served;
    std::shared_ptr<leadership_front> eventstore;
    std::shared_ptr<leadership_front> producer;
    std::shared_ptr<leadership_front> consumer;
    std::shared_ptr<consumer_front> consumers; // before it
    std::shared_ptr<producer_front> binary;
    std::shared_ptr<const served_listeners> here; // null: does not lead
  };

  using thread_ptr = std::shared_ptr<thread>;

  void on_all(const std::function<void(thread&)>& run);
  static void serve_here(thread& on, listener to, http_request& request,
                         const http_exchange& exchange);

  std::vector<thread_ptr> threads_;
  node_id self_;
  std::string eventstore_lines_;
};

} // namespace callboard
