// Frames of binary producers whose node does not lead.
#pragma once

#include "net/http.hpp"
#include "net/producer_session.hpp"
#include "net/request_forwarder.hpp"
#include "net/weak_list.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// A frame as the body of a request, and back: the views point into it. Errors:
/// `corrupt` for what `encode` never wrote.
std::string encode(const produce_frame& frame);
result<produce_frame> decode_produce_frame(std::string_view bytes);

/// Serves requests of the listener `binary`: stores the frame with `sink`, and
/// answers as the forwarding node's `producer_front` understands it.
http_handler serve_frames(producer_sink sink);

/// The sink of one io thread's binary producers in a cluster, with the roles of
/// `leadership_front`; all calls on that thread. Frames of one thread are
/// handed over in the order in which they come. Those in progress when this
/// node ceases to lead, and those that the leader did not take or answer, are
/// refused with `frame_error::routing`; with `no_leader` if nobody leads.
class producer_front : public std::enable_shared_from_this<producer_front> {
public:
  producer_front(http_executor executor,
                 std::shared_ptr<request_forwarder> forwarder);
  producer_front(const producer_front&) = delete;
  producer_front& operator=(const producer_front&) = delete;
  ~producer_front();

  /// For the producers' sessions; keeps this alive.
  producer_sink sink();

  void take(const produce_frame& frame,
            std::function<void(std::optional<producer_refusal>)> then);

  /// As `leadership_front::lead`.
  void lead(producer_sink here);
  void follow();
  void hold();
  void refuse();

  /// Frames that this node stores as the leader.
  std::size_t in_progress() { return in_progress_.size(); }

private:
  enum class role : std::uint8_t { refusing, leading, following };
  class outcome;

  void become(role next, producer_sink here);

  http_executor executor_;
  std::shared_ptr<request_forwarder> forwarder_;
  role role_ = role::refusing;
  producer_sink here_; // while leading
  weak_list<std::weak_ptr<outcome>> in_progress_;
};

} // namespace callboard
