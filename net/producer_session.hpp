// One binary producer's connection: frames in, answers out, in batches.
#pragma once

#include "actors/core/limits.hpp"
#include "net/http_budget.hpp"
#include "net/producer_protocol.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace callboard {

/// Why a frame was not stored.
struct producer_refusal {
  frame_error code = frame_error::server;
  std::string text;
};

/// Stores what a frame says and tells the outcome on the session's thread; once
/// it is on disk, if it is. The frame's views end with the call. Frames of one
/// connection are stored in the order in which they came.
using producer_sink = std::function<void(
  const produce_frame&, std::function<void(std::optional<producer_refusal>)>)>;

/// What the connections of one thread share.
struct producer_service {
  producer_sink sink;
  std::shared_ptr<http_budgets> budgets = std::make_shared<http_budgets>();
  std::chrono::milliseconds frame_wait_max = limits::producer_frame_wait_max;
  std::chrono::milliseconds write_wait_max = limits::write_wait_max;
  std::array<char, std::size_t{64} << 10> input{};
};

/// Serves one connection until it closes. Runs on one thread only. Reads no
/// more while too much is being stored, or while the client does not take its
/// answers. A producer may be silent for as long as it likes, but a frame that
/// has begun must be complete in time, as far as it is being read.
class producer_session : public std::enable_shared_from_this<producer_session> {
public:
  using socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                     boost::asio::io_context::executor_type>;

  /// `closed` is called once, when the connection is.
  producer_session(socket s, std::shared_ptr<producer_service> service,
                   std::function<void()> closed);

  void start();

  /// Reads no more; closes when what it has read is answered.
  void drain();

  /// At once.
  void close();

private:
  using error_code = boost::system::error_code;
  using clock = std::chrono::steady_clock;
  using timer =
    boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>,
                                      boost::asio::io_context::executor_type>;

  void produce(std::uint16_t stream, const produce_frame& frame);
  void stored(std::uint16_t stream, std::size_t bytes,
              const std::optional<producer_refusal>& refused);
  void wait_readable();
  void receive();
  void take(std::string_view fresh);
  std::size_t take_frames(std::string_view input);
  bool may_read() const noexcept;
  void flush_soon();
  void flush();
  void wait_writable();
  void close_if_done();
  void begin_frame();
  void wait();

  socket socket_;
  timer timer_;
  std::shared_ptr<producer_service> service_;
  std::function<void()> closed_;
  producer_protocol protocol_;
  budget_share receiving_;
  std::string in_;          // the beginning of a frame
  std::string out_;         // being written ...
  std::size_t written_ = 0; // ... up to here
  std::size_t frames_ = 0;  // being stored, and their bytes
  std::size_t bytes_ = 0;
  bool open_ = true;
  bool draining_ = false;
  bool paused_ = false; // it is us who do not read
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool flush_posted_ = false;
  clock::time_point read_deadline_;
  clock::time_point write_deadline_ = clock::time_point::max();
};

} // namespace callboard
