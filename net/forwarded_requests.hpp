// Requests that other nodes forward, served by this node's handlers.
#pragma once

#include "actors/replication/cluster_limits.hpp"
#include "net/forwarded_messages.hpp"
#include "net/http.hpp"
#include "net/request_forwarder.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace callboard {

/// How one listener serves while this node leads.
struct served_listener {
  http_handler handler; // null: the listener is off, its requests get 404
  /// Of answers that no router saw, as `http_options::header_block`.
  std::string header_block{};
};

/// By the number of the listener.
using served_listeners = std::array<served_listener, listener_count>;

struct forwarded_requests_options {
  http_executor executor;
  peer_send send;
  std::size_t requests_max = limits::forwarded_requests_max;
  std::size_t bytes_max = limits::forwarded_bytes_max;
  std::size_t message_bytes_max = limits::forwarded_message_bytes_max;
  std::size_t clients_max = limits::forwarded_clients_max;
  std::size_t unconfirmed_max = limits::unconfirmed_answers_max;
};

/// Serves what one io thread gets of other nodes' clients; all calls on that
/// thread. All messages of one forwarding thread must come to the same object,
/// in order: choose it by `forwarding_thread`.
///
/// A request that comes while this node does not lead is sent back undone, and
/// so is what that thread had sent before it heard of it: else a later request
/// of a client would be served before an earlier one.
class forwarded_requests
    : public http_connection,
      public std::enable_shared_from_this<forwarded_requests> {
public:
  explicit forwarded_requests(forwarded_requests_options options);
  ~forwarded_requests() override;

  /// A frame of a kind for this side (all but `answer` and `extend`); others
  /// are ignored. `by`: null if this node does not lead; kept while its
  /// requests are in progress.
  void received(node_id from, std::uint8_t kind, std::string_view bytes,
                const std::shared_ptr<const served_listeners>& by);

  /// No connection to the node any more: its clients count as gone. Of answers
  /// that it did not confirm nobody knows whether they were delivered.
  void peer_down(node_id node);

  /// This node leads no more: nothing in progress will be answered. The nodes
  /// that wait are told that the outcome is unknown. Also needed at the end:
  /// what waits for a client to go may keep this object alive.
  void stop_serving();

  /// This node stops: handlers that wait answer with what there is.
  void stopping();

  std::size_t in_progress() const noexcept { return requests_.size(); }

  std::size_t clients() const noexcept { return clients_.size(); }

  // --- http_connection -------------------------------------------------------
  http_executor executor() const noexcept override { return options_.executor; }

  void answer(std::uint64_t number, http_answer answer,
              std::string_view header_block) override;
  void on_gone(std::uint64_t number, std::function<void()> gone) override;
  void on_stopping(std::uint64_t number,
                   std::function<void()> stopping) override;
  void extend_deadline(std::uint64_t number,
                       std::chrono::milliseconds by) override;

private:
  struct in_work {
    node_id from;
    forwarded_key key;
    std::size_t bytes;
    std::shared_ptr<const served_listeners> by;
    std::function<void()> gone{};
    std::function<void()> stopping{};
  };

  struct unconfirmed {
    std::function<void()> unsent;
    bool unsent_if_unknown;

    void give_up() const {
      if (unsent_if_unknown)
        unsent();
    }
  };

  using thread_of_node = std::pair<node_id, std::uint32_t>;
  using request_of_node = std::pair<node_id, forwarded_key>;

  void serve(node_id from, std::string_view bytes,
             const std::shared_ptr<const served_listeners>& by);
  bool take_back(node_id from, const forwarded_request::origin& what,
                 bool leads);
  std::shared_ptr<connection_state>
  client_of(node_id from, const forwarded_request::origin& what);
  void cancel(node_id from, const forwarded_key& key);
  void delivered(node_id from, const forwarding_note& note);
  void finish(node_id from, const forwarded_key& key);
  bool send(node_id to, forwarding_frame kind, std::string bytes) const;
  void send_answer(node_id to, const forwarded_key& key, http_answer answer,
                   std::string_view header_block);
  void forget_oldest_unconfirmed();

  forwarded_requests_options options_;
  std::uint64_t next_number_ = 0;
  std::unordered_map<std::uint64_t, in_work> requests_;
  std::map<request_of_node, std::uint64_t> numbers_;
  std::size_t bytes_ = 0;
  std::map<request_of_node, std::shared_ptr<connection_state>> clients_;
  std::map<thread_of_node, std::uint64_t> rounds_; // that were sent back
  std::map<request_of_node, unconfirmed> unconfirmed_;
};

} // namespace callboard
