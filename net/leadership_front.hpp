// What a listener's requests meet first: who serves them at the moment.
#pragma once

#include "net/http.hpp"
#include "net/request_forwarder.hpp"
#include "net/weak_list.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace callboard {

struct front_options {
  listener to;
  std::shared_ptr<request_forwarder> forwarder;
  /// Whether a request is about this node: it is served by `own`, whoever
  /// leads. Null: none is.
  std::function<bool(const http_request&)> is_own{};
  http_handler own{};
  /// Whole lines for answers to what a former leader's routes have seen: those
  /// routes, and their lines, may have ended.
  std::string header_block{};
};

/// The handler of one listener on one io thread of a cluster's node; all calls
/// on that thread, and none from within a handler.
///
///     refusing ──► leading ◄──► following ──► refusing
///
/// Requests that are in progress when this node ceases to lead are answered at
/// once with 503: the actors that would have answered are being stopped. What
/// is answered later does not count.
class leadership_front : public std::enable_shared_from_this<leadership_front> {
public:
  explicit leadership_front(front_options options);
  leadership_front(const leadership_front&) = delete;
  leadership_front& operator=(const leadership_front&) = delete;
  ~leadership_front();

  /// For the listener; keeps this alive.
  http_handler handler();

  void serve(http_request& request, const http_exchange& exchange);

  /// Serves by `here` from now on. In the same turn the forwarder hears that
  /// this node leads, so that what waits comes before what is new.
  void lead(http_handler here);

  /// Forwards.
  void follow();

  /// Forwards what is new, and lets what is in progress end here: before this
  /// node hands its leadership over.
  void hold();

  /// Answers 503: this node neither leads nor knows who does, as before it has
  /// joined.
  void refuse();

  /// Requests that this node serves as the leader.
  std::size_t in_progress() { return in_progress_.size(); }

private:
  enum class role : std::uint8_t { refusing, leading, following };

  void become(role next, http_handler here);

  front_options options_;
  role role_ = role::refusing;
  http_handler here_; // while leading
  weak_list<weak_exchange> in_progress_;
};

} // namespace callboard
