// One HTTP request and its answer, as handlers see them; no sockets here.
#pragma once

#include "actors/core/requests.hpp"
#include "net/refusal.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

using http_verb = boost::beast::http::verb;
using http_status = boost::beast::http::status;
using http_field = boost::beast::http::field;
using http_executor = boost::asio::io_context::executor_type;

struct media_type; // negotiation.hpp

/// A `{name}` of a route's path and the segment that it stands for.
struct placeholder {
  std::string name;
  std::size_t segment = 0;
};

/// What handlers keep for a connection. All requests of one TCP connection
/// share it; it ends, on the connection's thread, when the connection has and
/// the last of those requests with it. On that thread only.
struct connection_state {
  /// Whatever is bound to the connection; its destructor sees the end.
  std::shared_ptr<void> bound;
  /// The same for who forwards requests to another node.
  std::shared_ptr<void> forwarded{};
};

/// A complete request. Copyable and movable; every view points into it and
/// lives until it changes or ends. Headers and names of query parameters are
/// looked up in any case; of several with one name the first is found.
class http_request {
public:
  http_verb method = http_verb::unknown;
  std::string body; // a handler may move it out
  std::string remote_address;
  bool keep_alive = true;

  /// Null only if no connection stands behind the request.
  std::shared_ptr<connection_state> connection;

  // --- the target: `/a%20b/c/?x=1` -------------------------------------------

  /// As it came: `/a%20b/c/?x=1`.
  std::string_view target() const noexcept { return view(target_); }

  /// The part before the query, as it came: `/a%20b/c/`.
  std::string_view path() const noexcept { return view(path_); }

  /// The parts between the slashes, each decoded for itself, so a `%2F` stays
  /// inside its segment; always UTF-8. A slash at the end adds none: `a b`,
  /// `c`. The path `/` has none.
  std::size_t segment_count() const noexcept { return segments_.size(); }

  std::string_view segment(std::size_t i) const { return view(segments_[i]); }

  bool trailing_slash() const noexcept { return trailing_slash_; }

  /// The value of a query parameter, decoded as a form's (`+` is a space). A
  /// parameter without `=` has the value "".
  std::optional<std::string_view> query(std::string_view name) const noexcept;
  /// All values of one name, in order.
  std::vector<std::string_view> query_list(std::string_view name) const;

  /// Calls `visit` with the name of each query parameter, in order.
  template <class Visitor>
  void each_query_name(Visitor visit) const {
    for (auto& parameter : query_)
      visit(view(parameter.name));
  }

  // --- headers ---------------------------------------------------------------

  std::optional<std::string_view> header(http_field name) const noexcept;
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  /// The header `<prefix><rest>`.
  std::optional<std::string_view> header(std::string_view prefix,
                                         std::string_view rest) const noexcept;
  std::size_t header_count(http_field name) const noexcept;
  /// All values of one name, with ", " between them.
  std::string header_list(http_field name) const;

  std::size_t header_count() const noexcept { return headers_.size(); }

  /// Calls `visit` with name and value of each header, in order, as they came.
  template <class Visitor>
  void each_header(Visitor visit) const {
    for (auto& header : headers_)
      visit(view(header.name), view(header.value));
  }

  // --- what the router found out
  // ----------------------------------------------

  /// The decoded segment that a `{name}` of the route stands for; the first one
  /// of `{name*}`. The route must have it.
  std::string_view parameter(std::string_view name) const;

  /// Null: anonymous. Set by `door::authenticate`.
  std::shared_ptr<const principal> user;

  /// The codecs that were chosen; null if the route declares none.
  const media_type* request_type = nullptr;
  const media_type* response_type = nullptr;

  /// Those of the matched route.
  std::span<const placeholder> placeholders;

  // --- for who makes requests: the session, and tests
  // --------------------------

  /// Also takes the absolute form (`http://host/path`). Refuses what does not
  /// begin with a slash, a broken percent escape, what is not UTF-8, and a NUL.
  accepted<void> set_target(std::string_view target);

  void add_header(std::string_view name, std::string_view value);
  void add_header(http_field field, std::string_view name,
                  std::string_view value);

private:
  struct piece {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };

  struct named_piece {
    http_field field = http_field::unknown;
    piece name;
    piece value;
  };

  std::string_view view(piece p) const noexcept {
    return {text_.data() + p.at, p.size};
  }

  piece keep(std::string_view text);
  std::optional<piece> keep_decoded(std::string_view escaped,
                                    bool (*decode)(std::string&,
                                                   std::string_view));
  accepted<void> split_path(std::string_view path);
  accepted<void> split_query(std::string_view query);

  std::string text_; // all bytes; the pieces are parts of it
  piece target_;
  piece path_;
  bool trailing_slash_ = false;
  boost::container::small_vector<piece, 8> segments_;
  boost::container::small_vector<named_piece, 2> query_;
  boost::container::small_vector<named_piece, 12> headers_;
};

/// A header that has an old and a new spelling (spec 0.9).
struct es_header_value {
  std::string_view prefix; // "Kurrent-" or "ES-": the one the client used
  std::string_view suffix;
  std::string_view value;

  /// `ES-ExpectedVersion`, for messages.
  std::string name() const;
};

/// `Kurrent-<suffix>`, else `ES-<suffix>`. `suffix` must outlive the result.
std::optional<es_header_value> es_header(const http_request& request,
                                         std::string_view suffix);

/// What goes back. `Content-Length`, `Date`, `Connection` and the route's CORS
/// headers are added; 204 and 304 go without a body.
struct http_answer {
  http_status status = http_status::ok;
  std::string reason{};            // empty: the usual one of the status
  std::string_view content_type{}; // static text; empty: no such header
  std::string headers{};           // whole lines, see add_header
  std::string body{};
  bool close = false; // end the connection after this
  /// Called at most once, on the connection's thread, if this answer did not
  /// leave: there was no room for it (the client gets 503), or the connection
  /// ended before all of it was with the operating system.
  std::function<void()> unsent{};
  /// Whether `unsent` is also called if another node carried this answer, and
  /// was gone before it could say what became of it. Not for a lease: its
  /// client may settle it, and else it ends by itself.
  bool unsent_if_unknown = false;
  /// Not to be compressed: where it was made that was seen to, or it would be
  /// wrong.
  bool as_it_is = false;

  /// Appends `name: value`. Line breaks and other control characters in the
  /// value become spaces, so that no client can smuggle in a header.
  void add_header(std::string_view name, std::string_view value);
};

/// Only a status line, with our own reason unless that is empty (the second
/// kind of 400 in spec 0.8).
http_answer plain_status(http_status status, std::string_view reason = {});

/// The first kind: the text is the reason and a text/plain body.
http_answer bad_request(std::string_view text);

/// The answer to what could not be accepted: its text as reason and body.
http_answer refuse(const refusal& why);

/// `text` as the reason of a status line: everything but printable ASCII
/// becomes `?`, and it is cut after 500 characters.
std::string to_reason(std::string_view text);

/// Where an answer goes: a session, or a test that collects answers. Every call
/// names the request it is about; one that is over is ignored. All functions on
/// the executor's thread only.
class http_connection {
public:
  virtual ~http_connection() = default;
  virtual http_executor executor() const noexcept = 0;

  /// `header_block`: whole lines that outlive the connection.
  virtual void answer(std::uint64_t number, http_answer answer,
                      std::string_view header_block) = 0;
  virtual void on_gone(std::uint64_t number, std::function<void()> gone) = 0;
  virtual void on_stopping(std::uint64_t number,
                           std::function<void()> stopping) = 0;
  virtual void extend_deadline(std::uint64_t number,
                               std::chrono::milliseconds by) = 0;

  // --- answers whose body comes part by part, see `answer_stream` ------------

  /// `head` goes without its body. False, and nothing has happened: this kind
  /// of connection or request has no such answers, or the request is over.
  virtual bool begin_stream(std::uint64_t, http_answer, std::string_view) {
    return false;
  }

  /// False, and it is not sent: the request is over, or all connections
  /// together have too much to write.
  virtual bool write_part(std::uint64_t, std::string_view) { return false; }

  virtual void end_stream(std::uint64_t) {}

  /// Bytes of its parts that the client has not taken yet.
  virtual std::size_t unwritten(std::uint64_t) const { return 0; }
};

/// An answer that has begun, and whose body comes part by part, for as long as
/// client and server like: chunked in HTTP/1.1, up to the end of the connection
/// in HTTP/1.0, DATA frames in HTTP/2. There is no deadline for its end, only
/// for a client that does not read. Copies share it; when the last one goes,
/// the answer ends. On the executor's thread only.
class answer_stream {
public:
  /// False: nobody will read it; let go of the stream. Nothing is held back:
  /// who writes a lot looks at `unwritten` first.
  bool write(std::string_view part) const;

  /// Bytes that the client has not taken yet.
  std::size_t unwritten() const;

  /// Whole now. Nothing can be written any more.
  void end() const;

  /// `gone` runs once if the connection ends before `end`; or at once.
  void on_gone(std::function<void()> gone) const;

  /// `stopping` runs once if the server begins to stop: end soon.
  void on_stopping(std::function<void()> stopping) const;

private:
  friend class http_exchange;
  struct state;

  explicit answer_stream(std::shared_ptr<state> of) : state_(std::move(of)) {}

  std::shared_ptr<state> state_;
};

/// The right to answer one request, once, now or later. Copies share it. Keeps
/// the request alive. If the last copy goes without an answer, the client gets
/// 503. From any thread, except where it says otherwise.
class http_exchange {
public:
  http_exchange(std::shared_ptr<http_connection> connection,
                std::uint64_t number, http_request request,
                std::string_view header_block = {});

  http_request& request() const noexcept;

  /// Where the callbacks run and where state that belongs to this request is
  /// safe without a lock; for `ask`.
  http_executor executor() const noexcept;

  /// Sends the answer; the first one counts, and none once the deadline has
  /// passed or the client has gone.
  void answer(http_answer answer) const;

  /// Begins an answer whose body comes later; `head` goes without its own, and
  /// is not compressed. The same as `answer`, but that callbacks stay. Nothing,
  /// and the request is still to be answered: there is no such thing for it (it
  /// was forwarded from another node; HEAD). On the executor's thread.
  std::optional<answer_stream> begin_stream(http_answer head) const;

  /// `gone` runs once if an answer is no longer wanted: the client closed the
  /// connection or the deadline passed. Not after `answer`. For requests that
  /// wait: watching the connection costs a little. On the executor's thread.
  void on_gone(std::function<void()> gone) const;

  /// `stopping` runs once if the server begins to stop: answer soon with what
  /// there is. Not after `answer`. On the executor's thread.
  void on_stopping(std::function<void()> stopping) const;

  /// Moves the deadline for the answer: a long poll adds its own time. On the
  /// executor's thread.
  void extend_deadline(std::chrono::milliseconds by) const;

  /// Replaces the header lines that every answer carries: the router's business
  /// (CORS). They must outlive the server.
  void set_header_block(std::string_view lines) const;

private:
  friend class weak_exchange;
  friend class answer_stream;
  struct state;

  explicit http_exchange(std::shared_ptr<state> of) : state_(std::move(of)) {}

  std::shared_ptr<state> state_;
};

/// An exchange that is not kept alive: for who may have to answer a request in
/// place of its handler. From any thread.
class weak_exchange {
public:
  explicit weak_exchange(const http_exchange& to) : state_(to.state_) {}

  /// Nothing if nobody holds it any more: it was answered, or will be.
  std::optional<http_exchange> lock() const noexcept {
    auto state = state_.lock();
    return state ? std::optional{http_exchange{std::move(state)}}
                 : std::nullopt;
  }

  bool expired() const noexcept { return state_.expired(); }

private:
  std::weak_ptr<http_exchange::state> state_;
};

/// What a handler threw is told to the log, and its client by a 500.
void fail(const http_exchange& exchange, const std::exception& error);

/// Runs `task`; an exception is a bug, or no memory, and costs this client
/// only.
template <class Task>
void guard(const http_exchange& exchange, Task&& task) {
  try {
    std::forward<Task>(task)();
  } catch (const std::exception& error) {
    fail(exchange, error);
  }
}

/// Serves a request, now or later. The request lives as long as a copy of the
/// exchange.
using http_handler = std::function<void(http_request&, const http_exchange&)>;

} // namespace callboard
