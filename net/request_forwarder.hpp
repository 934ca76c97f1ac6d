// Requests of a node's clients to the leader, and its answers back to them.
#pragma once

#include "actors/replication/cluster_limits.hpp"
#include "net/forwarded_messages.hpp"
#include "net/http.hpp"

#include <boost/asio/basic_waitable_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace callboard {

/// Sends a frame to another node, without waiting; from any thread. False: it
/// was not sent and never will be. Frames to one node arrive in order, each at
/// most once.
using peer_send =
  std::function<bool(node_id, std::uint8_t kind, std::string bytes)>;

/// 503 to what may have been done, or not: the cause, and what a repeat does in
/// the listener's dialect.
http_answer outcome_unknown(listener to, std::string_view cause);

struct forwarder_options {
  std::uint32_t thread; // which io thread of this node; it is in every message
  http_executor executor;
  node_id self;
  peer_send send;
  /// Scheme, host and port of a node, for `ES-RequireLeader`: its clients are
  /// redirected. Empty, or null: unknown, then it is forwarded.
  std::function<std::string(node_id)> url_of{};
  /// Serves what waited until this node itself came to lead.
  std::function<void(listener, http_request&, const http_exchange&)>
    serve_here{};

  std::size_t requests_max = limits::forwarded_requests_max;
  std::size_t bytes_max = limits::forwarded_bytes_max;
  std::size_t message_bytes_max = limits::forwarded_message_bytes_max;
  std::chrono::milliseconds leader_wait_max = limits::leader_wait_max;
  std::chrono::milliseconds retry_interval = limits::forward_retry_interval;
  std::chrono::milliseconds verdict_wait_max = limits::verdict_wait_max;
  std::chrono::milliseconds stopping_wait_max = limits::stopping_wait_max;
  std::chrono::milliseconds answer_wait_max = limits::forwarded_wait_max;
};

/// Forwards what one io thread is asked while another node leads; all calls on
/// that thread. A request is
///
///     waiting ──sent to the leader──► out ──answered, client gone──► over
///        ▲ └─ no leader in time: 503     └─ outcome unknown: 503
///        └── not served, or unknown and it changes nothing ──┘
///
/// Requests are sent in the order in which they came, also those that wait
/// again; so what one client sends is served in order unless it hears of a
/// failure. The outcome is unknown if the leader cannot be reached any more
/// while a request is out, or changes and does not say soon what it did. What
/// waits and is out together is bounded in number and bytes.
class request_forwarder
    : public std::enable_shared_from_this<request_forwarder> {
public:
  explicit request_forwarder(forwarder_options options);
  request_forwarder(const request_forwarder&) = delete;
  request_forwarder& operator=(const request_forwarder&) = delete;
  /// Before the executor's context. Whatever is left is answered 503, by its
  /// exchange.
  ~request_forwarder();

  /// Takes the request, which stays as it is. Its client's connection is told
  /// apart from others of this node at the leader, and its end is reported to
  /// it.
  void forward(listener to, http_request& request,
               const http_exchange& exchange);

  /// Nothing: unknown. If it is this node, all that waits is served here.
  void leader_changed(std::optional<node_id> leader);

  void peer_down(node_id node);

  /// A frame of a kind for this side (`answer`, `extend`); others are ignored.
  void received(node_id from, std::uint8_t kind, std::string_view bytes);

  /// Answers all that is left, and all that comes, with 503.
  void stop();

  std::size_t waiting() const noexcept { return waiting_.size(); }

  std::size_t out() const noexcept { return out_.size(); }

private:
  using clock = std::chrono::steady_clock;
  using arrival = std::uint64_t;
  using timer =
    boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>,
                                      http_executor>;
  struct client;
  struct delivery;

  struct pending {
    listener to;
    http_exchange exchange;
    std::size_t bytes;
    bool repeatable;              // changes nothing
    clock::time_point wait_until; // for a leader
    clock::time_point deadline;   // of its waiting, or of its being out
    node_id at = 0;               // while it is out
    std::uint64_t number = 0;
    bool stopping = false; // its connection ends after this
  };

  // sending
  void pump();
  void serve_waiting_here();
  bool send_next();
  bool redirect(const pending& what) const;
  std::uint64_t client_of(http_request& request);
  void tell(node_id to, forwarding_frame kind, std::uint64_t number,
            std::uint64_t value = 0) const;

  // what becomes of a request
  std::optional<pending> take(arrival which);
  void deliver(node_id from, forwarded_answer answer);
  void not_served(arrival which);
  void await_verdicts();
  bool awaits_verdict();
  void lose(const std::vector<arrival>& which);
  void gone(arrival which);
  void finish(arrival which);
  void on_answer(node_id from, std::string_view bytes);
  void on_extend(node_id from, std::string_view bytes);
  std::vector<arrival> out_at(std::optional<node_id> node) const;
  std::string_view kept(std::string content_type);

  // time
  void watch();
  void on_timer();
  void give_up_late(clock::time_point now);
  http_answer too_late(const pending& what, bool was_waiting) const;
  static http_answer leader_was_lost(listener to);

  forwarder_options options_;
  timer timer_;
  bool timed_ = false; // the timer is armed
  bool stopped_ = false;
  bool pumping_ = false;
  bool awaits_verdict_ = false; // of a former leader
  bool paused_ = false; // the leader did not take something; until the timer
  std::optional<node_id> leader_;

  arrival next_arrival_ = 0;
  std::uint64_t next_number_;
  std::uint64_t next_client_;
  std::map<node_id, std::uint64_t> rounds_; // one more for each refusal

  static constexpr std::uint64_t first_round = 1;

  std::map<arrival, pending> requests_; // all of them
  std::size_t bytes_ = 0;
  std::set<arrival> waiting_;
  std::unordered_map<std::uint64_t, arrival> out_; // by number

  std::set<std::string, std::less<>> content_types_;
};

} // namespace callboard
