// What consumers hear from a cluster's node that does not lead.
#pragma once

#include "actors/core/limits.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "net/http.hpp"

#include <boost/asio/basic_waitable_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace callboard {

struct consumer_front_options {
  http_executor executor;
  /// Serves, or forwards to who does.
  http_handler next;
  /// Forwards what `next` answers without the leader, and shows that a consumer
  /// is alive: the answer is not wanted. Null: nobody is told.
  http_handler to_leader{};
  /// Polls that wait at the same time; others are answered at once. A poll is
  /// never longer than `wait_max`.
  std::size_t waiting_max = limits::forwarded_requests_max;
  std::chrono::milliseconds wait_max = limits::poll_wait_max;
};

/// Stands before the consumer listener of one io thread; all calls on that
/// thread. Barco's clients register at each node and poll them all, since a
/// broker hands out only what it leads. So while another node leads
///
///   a registration that binds a connection is checked and remembered with it;
///   a poll says that there is nothing, or waits until this node leads;
///   a commit or goodbye on a bound connection succeeds: nothing was handed
///   out; all else goes on: registrations, commits and goodbyes by id to the
///   leader, and what `consumer_front_options::next` answers without it.
///
/// Polls are never forwarded: one commits what was handed out before, and the
/// same consumer may still be working on what the leader handed it.
class consumer_front : public std::enable_shared_from_this<consumer_front> {
public:
  /// Follows.
  explicit consumer_front(consumer_front_options options);
  consumer_front(const consumer_front&) = delete;
  consumer_front& operator=(const consumer_front&) = delete;
  ~consumer_front();

  /// For the listener; keeps this alive.
  http_handler handler();

  void serve(http_request& request, const http_exchange& exchange);

  /// This node leads: all goes on. Polls that wait are answered with nothing,
  /// and come again. After `next` serves.
  void lead();

  /// Before `next` forwards.
  void follow();

  std::size_t waiting() const noexcept { return waiting_.size(); }

private:
  using clock = std::chrono::steady_clock;
  using timer =
    boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>,
                                      http_executor>;
  using waiting_key = std::pair<clock::time_point, std::uint64_t>;

  bool serve_here(http_request& request, const http_exchange& exchange);
  void tell_leader(const http_request& request) const;
  void poll(const http_request& request, const http_exchange& exchange);
  void wait(const http_exchange& exchange, std::chrono::milliseconds by);
  void end(const waiting_key& which);
  void watch();
  void on_timer();

  consumer_front_options options_;
  bool leads_ = false;
  std::uint64_t last_ = 0;
  std::map<waiting_key, http_exchange> waiting_; // by the time of their answer
  timer timer_;
};

/// Whether a request to this listener needs no leader, but routes: what is no
/// call of a consumer, and calls that no leader would accept.
bool consumer_answered_anywhere(const http_request& request);

/// The answer to a call that was in progress when its node ceased to lead: what
/// a poll would have brought comes again, and who would bind a connection is
/// remembered with it. Nothing for all else: its outcome is unknown.
std::optional<http_answer> answer_lost_call(const http_request& request);

} // namespace callboard
