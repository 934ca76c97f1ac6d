// One binary producer connection as bytes in and bytes out; no sockets here.
#pragma once

#include "net/producer_frames.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace callboard {

/// What the protocol says of a connection: which frames are answered at once,
/// and which are handed on.
///
///     new --startup--> ready <--produce, heartbeat--> ready
///      └─ anything else ─┴─ a header that is none, a body too large ─> closed
///
class producer_protocol {
public:
  /// Takes what a produce frame says; whoever it is answers with `answer` or
  /// `refuse`, now or later. The frame's views end with the call.
  using producer = std::function<void(std::uint16_t, const produce_frame&)>;

  explicit producer_protocol(producer produce) : produce_(std::move(produce)) {}

  /// Takes one frame from the front of `input`, and answers it unless the
  /// producer does. Returns the bytes that it was; 0: it is not complete yet.
  std::size_t take(std::string_view input);

  void answer(std::uint16_t stream);
  void refuse(std::uint16_t stream, frame_error code, std::string_view text);

  /// To be sent: whoever sends it takes it out.
  std::string& out() noexcept { return out_; }

  const std::string& out() const noexcept { return out_; }

  bool started() const noexcept { return started_; }

  /// Nothing more is read: close when `out` is sent.
  bool closed() const noexcept { return closed_; }

private:
  void serve(const frame_header& header, std::string_view body);
  void close(std::uint16_t stream, std::string_view why);

  producer produce_;
  std::string out_;
  bool started_ = false;
  bool closed_ = false;
};

} // namespace callboard
