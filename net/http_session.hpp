// One connection: read a request, hand it out, write the answer, time out.
#pragma once

#include "net/http.hpp"
#include "net/http_options.hpp"
#include "net/http_reader.hpp"
#include "net/http_stream.hpp"
#include "net/http_writer.hpp"

#include <boost/asio/basic_waitable_timer.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

/// What the connections of one thread share. Sockets are read into `input`, so
/// that a connection between two requests holds no buffer.
struct http_service {
  http_handler handler;
  http_options options;
  std::size_t handshakes = 0; // that are going on
  std::function<void()> handshake_over{};
  date_header date{};
  std::array<char, std::size_t{64} << 10> input{};

  /// Has the handler answer; if it throws, that is 500.
  void serve(const http_exchange& exchange) const;
};

class h2_session;

/// Serves one connection until it closes, or hands it over to an `h2_session`
/// if it begins with the preface of HTTP/2 or asks for an upgrade. Runs on one
/// thread only: its io_context's. Kept alive by what it waits for and by the
/// exchanges of its requests; after `close` nothing but memory is left of it.
///
///     handshake (TLS) ─► idle
///     idle ─► header ─► body ─► answering ─► idle (keep-alive)
///               └─ refused ─┴───────┴─► finishing ─► lingering ─► closed
///
/// Requests of a pipeline are answered one after the other, in order; what was
/// answered in one turn of the event loop leaves in one write. Output may still
/// be on its way while the next request is read, up to a bound.
///
/// Every phase has a deadline, and so has the writing. One timer watches them:
/// it is armed again when it fires too early and not on every request, which
/// would cost a tenth of the throughput.
class http_session : public http_connection,
                     public std::enable_shared_from_this<http_session> {
public:
  /// `closed` is called once, from `close`.
  http_session(http_stream stream, std::string remote_address,
               std::shared_ptr<http_service> service,
               std::function<void()> closed);
  http_session(const http_session&) = delete;
  http_session& operator=(const http_session&) = delete;
  ~http_session() override;

  /// Starts reading.
  void start();

  /// Answers 503 without having read anything, then closes: too many. Only
  /// without TLS.
  void start_refused();

  /// Lets a request in progress finish, with `Connection: close`, and tells its
  /// handler (`on_stopping`); else closes. Not from within a handler.
  void drain();

  /// At once, whatever is going on.
  void close();

  // --- http_connection -------------------------------------------------------
  http_executor executor() const noexcept override { return executor_; }

  void answer(std::uint64_t number, http_answer answer,
              std::string_view header_block) override;
  void on_gone(std::uint64_t number, std::function<void()> gone) override;
  void on_stopping(std::uint64_t number,
                   std::function<void()> stopping) override;
  void extend_deadline(std::uint64_t number,
                       std::chrono::milliseconds by) override;
  bool begin_stream(std::uint64_t number, http_answer head,
                    std::string_view header_block) override;
  bool write_part(std::uint64_t number, std::string_view part) override;
  void end_stream(std::uint64_t number) override;
  std::size_t unwritten(std::uint64_t number) const override;

private:
  using error_code = boost::system::error_code;
  using clock = std::chrono::steady_clock;
  using timer =
    boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>,
                                      http_executor>;

  enum class phase : std::uint8_t {
    idle,      // between two requests
    header,    // a part of it is here
    body,      // the header is complete
    answering, // the handler has it
    finishing, // nothing more is read; closes when all is written
    lingering, // all is written; reads on so that the client gets it
    closed,
    handed_over, // to `successor_`
    handshake,   // TLS
  };

  /// Where an answer ends, and who hears if that does not leave.
  struct answer_end {
    std::size_t at; // in `out_` and `out_body_`
    std::function<void()> unsent;
  };

  // input
  void wait_readable();
  bool shake_hands();
  void end_handshake();
  void receive();
  void on_input(std::string_view fresh);
  void on_end_of_input(error_code ec);
  void hold(std::string_view fresh);
  void count_held();
  void serve(std::string_view input);
  void serve_held();
  std::size_t read_request(std::string_view input);
  void hand_out();
  void after_turn();

  // the way to HTTP/2
  bool may_hand_over() const noexcept;
  bool begins_h2(std::string_view input);
  bool upgrade(http_request& request);
  std::shared_ptr<h2_session> hand_over();

  bool reads() const noexcept { return phase_ <= phase::body; }

  bool is_current(std::uint64_t number) const noexcept {
    return phase_ == phase::answering && number == number_;
  }

  // output
  void put(http_answer answer, std::string_view header_block);
  void refuse(const refusal& why);
  void flush();
  void drop_written();
  void on_writable(error_code ec);
  void finish();
  std::size_t unwritten() const noexcept;
  bool has_room() const noexcept;
  static void shrink(std::string& buffer);

  // time
  std::chrono::milliseconds idle_wait() const;
  clock::time_point enter(phase next, std::chrono::milliseconds wait_max);
  void watch(clock::time_point deadline);
  void wait();
  void on_timer();
  void on_late(phase late);
  clock::time_point body_deadline() const;

  http_stream stream_;
  timer timer_;
  http_executor executor_;
  std::shared_ptr<http_service> service_;
  std::string remote_address_;
  std::shared_ptr<connection_state> state_ =
    std::make_shared<connection_state>();
  std::function<void()> closed_;

  std::weak_ptr<h2_session> successor_; // keeps this one alive

  phase phase_ = phase::idle;
  budget_share receiving_; // of the request's body
  budget_share holding_;   // of what waits behind it
  budget_share sending_;   // of answers that the client does not take
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool fresh_ = true;     // nothing was understood yet
  bool serving_ = false;  // inside serve(): answers wait for its end
  bool draining_ = false; // no further request
  bool keep_alive_ = true;
  bool head_only_ = false;
  http_verb method_ = http_verb::get; // of the request being answered
  bool old_client_ = false;
  bool streaming_ = false; // answering: the head has left
  bool linger_ = false;    // the client may still be sending

  std::string held_;        // input that no request has taken yet ...
  std::size_t held_at_ = 0; // ... from here on
  std::optional<http_reader> reader_;
  std::uint64_t number_ = 0;  // of the request that is being answered
  clock::time_point asked_{}; // when it was complete, or its header
  std::function<void()> gone_;
  std::function<void()> stopping_;

  std::string out_;              // answers
  std::string out_body_;         // a large body that follows them
  std::vector<answer_end> ends_; // of those that somebody asks after
  std::size_t written_ = 0;      // of both together
  clock::time_point deadline_ = clock::time_point::max();
  clock::time_point write_deadline_ = clock::time_point::max();
};

} // namespace callboard
