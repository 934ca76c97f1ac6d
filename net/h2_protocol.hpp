// HTTP/2 of one connection, bytes to bytes: requests out of what came, frames
// out of answers. No sockets and no clocks here.
#pragma once

#include "net/http_body.hpp"
#include "net/http_budget.hpp"
#include "net/http_options.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct nghttp2_session;

namespace callboard {

/// So many at once, and so many more with each second.
class h2_meter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  h2_meter(std::size_t burst, std::size_t per_second)
      : burst_(double(burst)), per_second_(double(per_second)), left_(burst_) {}

  /// False if it is one too many.
  bool take(time_point now);

private:
  double burst_;
  double per_second_;
  double left_;
  time_point filled_{};
};

/// A connection that speaks HTTP/2 (RFC 9113), seen from its server. nghttp2
/// knows the frames, HPACK and the windows; this knows requests and answers,
/// and every bound. Its owner moves bytes, calls handlers and says what time it
/// is: nothing is called back from inside, what happened is to be taken.
///
///     one stream:  header ─► body ─► answering ─────────────► sending ─►
///     closed
///                     └─ refused ─┴───│──── streaming ────────▲
///                                     └──────▲
///
/// Streams are answered in any order. One that the client has reset, or that is
/// late, is gone; whatever a handler still does for it is ignored. Requests are
/// numbered by their streams.
class h2_protocol {
public:
  using clock = std::chrono::steady_clock;
  using time_point = clock::time_point;

  struct numbered_request {
    std::uint64_t number;
    http_request request;
  };

  /// An answer whose last byte was produced, and who is to hear if that does
  /// not leave.
  struct produced_answer {
    std::size_t end; // in what `produce` appended to
    std::function<void()> unsent;
  };

  /// What its owner knows, and it does not.
  struct moment {
    time_point now;
    std::string_view date; // the whole line, until the call returns
    bool bound = false;    // something is, to the connection
  };

  /// `options` must outlive it.
  h2_protocol(const http_options& options, time_point now);
  h2_protocol(const h2_protocol&) = delete;
  h2_protocol& operator=(const h2_protocol&) = delete;
  ~h2_protocol();

  /// Before anything else, for a connection that began as HTTP/1: its request
  /// is stream 1 and is answered there. `settings`: what `HTTP2-Settings`
  /// stands for, see h2_upgrade.hpp.
  void upgrade(http_request request, std::string_view settings);

  /// Takes all of `input`. The first begins with the client's preface.
  void receive(std::string_view input, const moment& at);

  /// A complete request, in the order in which they became complete.
  std::optional<numbered_request> next_request();

  /// Somebody's `gone` or `stopping` that is to be run; null: no more.
  std::function<void()> next_callback();

  /// Appends frames to `out` until it holds `bytes_max` or there are none left.
  /// May go beyond it by one frame.
  void produce(std::string& out, std::size_t bytes_max);

  /// In the order of their ends; to be taken before anything else is produced.
  /// Of answers that somebody asks after, see `http_answer::unsent`. What was
  /// not produced wholly when its stream ended tells it by `next_callback`.
  std::vector<produced_answer> take_produced();

  /// Nothing more will be read, and all was produced: close the connection.
  bool over() const;

  /// Bytes of answers that were not produced yet.
  std::size_t unsent() const noexcept { return unsent_; }

  // --- requests that are being answered, as in http_connection ---------------

  void answer(std::uint64_t number, http_answer answer,
              std::string_view header_block, const moment& at);
  /// False, and `gone` stays where it is, if the request is over already.
  bool on_gone(std::uint64_t number, std::function<void()>& gone);
  /// False, and `stopping` stays where it is, if the connection is draining.
  bool on_stopping(std::uint64_t number, std::function<void()>& stopping);
  void extend_deadline(std::uint64_t number, std::chrono::milliseconds by);

  bool begin_stream(std::uint64_t number, const http_answer& head,
                    std::string_view header_block, const moment& at);
  bool write_part(std::uint64_t number, std::string_view part,
                  const moment& at);
  void end_stream(std::uint64_t number, const moment& at);
  std::size_t unwritten(std::uint64_t number) const;

  // --- endings ---------------------------------------------------------------

  /// Takes no further requests (GOAWAY), lets those in progress finish.
  void drain();

  /// The connection is gone, and with it all streams.
  void abandon();

  /// `expire` has something to do then at the latest; it may be called earlier.
  time_point deadline() const noexcept { return deadline_; }

  /// Gives up what is late.
  void expire(const moment& at);

private:
  enum class phase : std::uint8_t {
    header,
    body,
    complete,
    answering,
    streaming, // answering, and the head has left
    sending
  };
  struct stream;
  struct callbacks; // what nghttp2 calls

  /// Of a request, until it is answered.
  struct held_bytes {
    std::size_t header = 0; // in `header_text_`
    std::size_t body = 0;   // in the budget
  };

  struct delete_session {
    void operator()(nghttp2_session* session) const;
  };

  nghttp2_session* make_session();

  // streams
  stream* find(std::uint64_t number) const;
  stream* find_answering(std::uint64_t number) const;
  stream* find_streaming(std::uint64_t number) const;
  stream* find_served(std::uint64_t number) const;
  stream& add_stream(std::int32_t id);
  void remove(stream& which);
  void reset(std::int32_t id, std::uint32_t code);
  void say_goodbye();
  void fail(std::uint32_t code);

  // input
  void on_header(stream& to, std::string_view name, std::string_view value);
  bool count_header(stream& of, std::size_t bytes);
  void on_pseudo_header(stream& to, std::string_view name,
                        std::string_view value);
  void on_bad_header(stream& to);
  void on_header_end(stream& of, bool complete);
  std::optional<refusal> check_header(stream& of);
  void on_data(stream& of, std::string_view part);
  void on_complete(stream& of);
  void hand_out(stream& complete);
  void on_reset();
  void on_small_frame();
  void refuse(stream& which, refusal why);
  void count_bodies();
  void uncount(stream& which);
  void uncount(held_bytes bytes);

  // output
  void respond(stream& to, http_answer answer, std::string_view header_block);
  void respond_refused(stream& to);
  void submit(stream& to, const http_answer& answer,
              std::string_view header_block);
  void submit_continue(stream& to);
  bool send_data(stream& of, std::string_view head, std::size_t size);
  void on_produced(stream& of);

  // time
  void enter(stream& which, phase next, std::chrono::milliseconds wait_max);
  void watch(time_point deadline);
  time_point body_deadline(const stream& of) const;
  void on_late(stream& which);
  bool is_stuck(const stream& sending) const;
  void await_progress(stream& sending);

  const http_options& options_;
  std::unique_ptr<nghttp2_session, delete_session> session_;
  time_point now_;
  std::string_view date_{};                 // of the last moment
  time_point deadline_ = time_point::max(); // no later than the true one
  time_point idle_since_;
  bool greeted_ = false;  // the client's SETTINGS were here
  bool draining_ = false; // no further request
  bool failed_ = false;   // nghttp2 is not to be asked again
  std::string farewell_;  // a GOAWAY of our own, then

  std::vector<std::unique_ptr<stream>> streams_;
  std::vector<std::uint64_t> complete_; // requests to be taken ...
  std::size_t complete_at_ = 0;         // ... from here on
  std::vector<std::function<void()>> callbacks_;
  /// Streams that have ended before their handlers were done, with what their
  /// requests hold.
  std::unordered_map<std::uint64_t, held_bytes> orphans_;

  budget_share receiving_; // bodies that did not come whole
  std::size_t counted_ = 0;
  std::size_t header_text_ = 0;
  bool grown_ = false; // one of them has, in this turn

  std::string* out_ = nullptr; // within produce()
  std::size_t out_bytes_max_ = 0;
  std::vector<produced_answer> produced_;
  std::size_t unsent_ = 0;
  std::uint64_t all_sent_ = 0; // bytes of bodies

  h2_meter resets_;
  h2_meter small_frames_;
};

} // namespace callboard
