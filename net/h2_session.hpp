// One connection that speaks HTTP/2: its socket, its timer, its handlers.
#pragma once

#include "net/h2_protocol.hpp"
#include "net/http_session.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace callboard {

/// Goes on with a connection that an `http_session` has begun, until it closes.
/// Runs on one thread only: its io_context's. Kept alive by what it waits for
/// and by the exchanges of its requests.
///
///     open ─► finishing (all that is left is written) ─► lingering ─► closed
///
/// The requests of one read are handed out in one turn, and what was answered
/// in one turn of the event loop leaves in one write.
class h2_session : public http_connection,
                   public std::enable_shared_from_this<h2_session> {
public:
  /// `closed` is called once, from `close`.
  h2_session(http_stream stream, std::string remote_address,
             std::shared_ptr<http_service> service,
             std::shared_ptr<connection_state> state,
             std::function<void()> closed);
  h2_session(const h2_session&) = delete;
  h2_session& operator=(const h2_session&) = delete;
  ~h2_session() override;

  /// Begins with a request that asked for HTTP/2, and says so: 101. Before
  /// `start`.
  void upgrade(http_request request, std::string_view settings);

  /// `input`: what was read already, from the client's preface on.
  void start(std::string_view input);

  /// Takes no further requests, tells the handlers of those in progress
  /// (`on_stopping`), and closes once they are answered. Not from within a
  /// handler.
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

  enum class phase : std::uint8_t { open, finishing, lingering, closed };

  /// Where an answer ends, and who hears if that does not leave.
  struct answer_end {
    std::uint64_t at; // of all bytes of the connection
    std::function<void()> unsent;
  };

  // input
  void wait_readable();
  void receive();
  void take(std::string_view input);
  void hand_out();
  void run_callbacks();

  // output
  void turn();
  void turn_soon();
  bool flush();
  void on_flushed(std::size_t progress);
  void wait_writable();
  void produce();
  void drop_written();
  void finish();

  std::size_t unwritten() const noexcept { return out_.size() - written_; }

  // time
  h2_protocol::moment moment();
  clock::time_point deadline() const;
  void watch();
  void wait();
  void on_timer();

  http_stream stream_;
  timer timer_;
  http_executor executor_;
  std::shared_ptr<http_service> service_;
  std::shared_ptr<connection_state> state_;
  std::string remote_address_;
  std::function<void()> closed_;
  h2_protocol protocol_;
  budget_share sending_; // of answers that the client does not take

  phase phase_ = phase::open;
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool serving_ = false; // within a turn: answers wait for its end
  bool turn_posted_ = false;
  std::string out_; // frames on their way
  std::size_t written_ = 0;
  std::uint64_t left_ = 0;        // bytes before those in `out_`
  std::vector<answer_end> ends_;  // of those that somebody asks after
  std::size_t waiting_bytes_ = 0; // in `sending_`
  clock::time_point write_deadline_ = clock::time_point::max();
  clock::time_point linger_deadline_ = clock::time_point::max();
};

} // namespace callboard
