// Turns of the event loop: read, hand out, write; and the deadlines.
#include "net/h2_session.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

// Written in one turn; then other connections have theirs.
constexpr std::size_t turn_bytes_max = std::size_t{1} << 20;

} // namespace

h2_session::h2_session(http_stream stream, std::string remote_address,
                       std::shared_ptr<http_service> service,
                       std::shared_ptr<connection_state> state,
                       std::function<void()> closed)
    : stream_(std::move(stream)), timer_(stream_.executor()),
      executor_(stream_.executor()), service_(std::move(service)),
      state_(std::move(state)), remote_address_(std::move(remote_address)),
      closed_(std::move(closed)), protocol_(service_->options, clock::now()),
      sending_(service_->options.budgets->sending) {}

h2_session::~h2_session() {
  close();
}

void h2_session::upgrade(http_request request, std::string_view settings) {
  out_ = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
         "Upgrade: h2c\r\n\r\n";
  protocol_.upgrade(std::move(request), settings);
  wait(); // keeps this alive until `start`
}

void h2_session::start(std::string_view input) {
  wait();
  take(input);
}

void h2_session::drain() {
  receive(); // a request may have arrived that we have not looked at yet
  if (phase_ != phase::open)
    return;
  protocol_.drain();
  turn();
}

void h2_session::close() {
  if (phase_ == phase::closed)
    return;
  phase_ = phase::closed;
  stream_.close();
  timer_.cancel();
  sending_.resize(0);
  auto state = std::move(state_); // ends after all callbacks
  protocol_.abandon();
  run_callbacks();
  drop_written();
  for (auto& each : std::exchange(ends_, {}))
    each.unsent();
  if (auto closed = std::exchange(closed_, nullptr))
    closed();
}

// --- input ------------------------------------------------------------------

void h2_session::wait_readable() {
  if (std::exchange(waits_readable_, true))
    return;
  stream_.wait_readable([self = shared_from_this()](error_code ec) {
    self->waits_readable_ = false;
    if (!ec)
      self->receive();
  });
}

void h2_session::receive() {
  if (phase_ != phase::open && phase_ != phase::lingering)
    return;
  auto& input = service_->input;
  error_code ec;
  auto size = stream_.read_some(input, ec);
  if (ec == boost::asio::error::would_block)
    return wait_readable();
  if (ec)
    return close();
  if (phase_ == phase::lingering)
    return wait_readable(); // read over
  take({input.data(), size});
}

void h2_session::take(std::string_view input) {
  protocol_.receive(input, moment());
  turn();
}

/// Hands out what has come, and sends what was answered.
void h2_session::turn() {
  if (std::exchange(serving_, true))
    return; // the turn that is under way sees to it
  hand_out();
  run_callbacks();
  serving_ = false;
  if (phase_ == phase::closed || !flush())
    return;
  if (protocol_.over() && phase_ == phase::open) {
    phase_ = phase::finishing;
    protocol_.abandon();
    run_callbacks();
  }
  if (phase_ == phase::finishing && unwritten() == 0)
    return finish();
  if (phase_ == phase::open && unwritten() < limits::unwritten_bytes_max)
    wait_readable();
  watch();
}

void h2_session::hand_out() {
  while (auto next = protocol_.next_request()) {
    next->request.remote_address = remote_address_;
    next->request.connection = state_;
    service_->serve({shared_from_this(), next->number, std::move(next->request),
                     service_->options.header_block});
    if (phase_ == phase::closed)
      return;
  }
}

void h2_session::run_callbacks() {
  while (auto next = protocol_.next_callback())
    next();
}

// --- output -----------------------------------------------------------------

/// At the end of this turn of the event loop: other answers may come by then.
void h2_session::turn_soon() {
  if (serving_ || phase_ == phase::closed || std::exchange(turn_posted_, true))
    return;
  boost::asio::post(executor_, [self = shared_from_this()] {
    self->turn_posted_ = false;
    if (self->phase_ != phase::closed)
      self->turn();
  });
}

/// False if the connection is closed now.
bool h2_session::flush() {
  std::size_t progress = 0;
  drop_written();
  for (;;) {
    if (phase_ == phase::open)
      produce();
    if (waits_writable_ || unwritten() == 0)
      break;
    if (progress >= turn_bytes_max) {
      wait_writable();
      break;
    }
    error_code ec;
    auto size =
      stream_.write_some(std::string_view{out_}.substr(written_), {}, ec);
    written_ += size;
    progress += size;
    if (ec == boost::asio::error::would_block) {
      wait_writable();
      break;
    }
    if (ec) {
      close();
      return false;
    }
    if (unwritten() == 0)
      drop_written();
  }
  on_flushed(progress);
  return true;
}

void h2_session::produce() {
  protocol_.produce(out_, written_ + limits::unwritten_bytes_max);
  for (auto& each : protocol_.take_produced())
    ends_.push_back({left_ + each.end, std::move(each.unsent)});
}

void h2_session::drop_written() {
  left_ += written_;
  out_.erase(0, std::exchange(written_, 0));
  auto waiting = std::find_if(ends_.begin(), ends_.end(),
                              [this](auto& each) { return each.at > left_; });
  ends_.erase(ends_.begin(), waiting);
}

void h2_session::on_flushed(std::size_t progress) {
  if (unwritten() == 0) {
    write_deadline_ = clock::time_point::max();
    if (out_.capacity() > limits::kept_buffer_bytes_max)
      out_.shrink_to_fit();
  } else if (write_deadline_ == clock::time_point::max()
             || progress >= limits::write_progress_bytes) {
    write_deadline_ = clock::now() + service_->options.write_wait_max;
  }
  auto waiting = protocol_.unsent() + unwritten();
  if (std::exchange(waiting_bytes_, waiting) != waiting)
    sending_.resize_anyway(waiting);
}

void h2_session::wait_writable() {
  waits_writable_ = true;
  stream_.wait_writable([self = shared_from_this()](error_code ec) {
    self->waits_writable_ = false;
    if (!ec && self->phase_ != phase::closed)
      self->turn();
  });
}

/// All is written, the last of it a GOAWAY. The client may be sending still: if
/// unread bytes are left when a socket is closed, the client gets a reset and
/// may lose what was written.
void h2_session::finish() {
  stream_.end_output();
  phase_ = phase::lingering;
  linger_deadline_ = clock::now() + limits::linger_wait_max;
  wait_readable();
  watch();
}

// --- time -------------------------------------------------------------------

h2_protocol::moment h2_session::moment() {
  return {clock::now(), service_->date.now(), state_ && state_->bound};
}

h2_session::clock::time_point h2_session::deadline() const {
  auto out = std::min(write_deadline_, linger_deadline_);
  return phase_ == phase::open ? std::min(out, protocol_.deadline()) : out;
}

void h2_session::watch() {
  if (deadline() < timer_.expiry()) // shorter than what is armed: rare
    wait();
}

void h2_session::wait() {
  timer_.expires_at(deadline());
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec && self->phase_ != phase::closed)
      self->on_timer();
  });
}

void h2_session::on_timer() {
  auto now = clock::now();
  if (std::min(write_deadline_, linger_deadline_) <= now)
    return close(); // the client does not read, or does not stop
  if (phase_ == phase::open && protocol_.deadline() <= now) {
    protocol_.expire(moment());
    turn();
  }
  if (phase_ != phase::closed)
    wait();
}

// --- http_connection --------------------------------------------------------

void h2_session::answer(std::uint64_t number, http_answer answer,
                        std::string_view header_block) {
  protocol_.answer(number, std::move(answer), header_block, moment());
  turn_soon();
}

void h2_session::on_gone(std::uint64_t number, std::function<void()> gone) {
  if (!protocol_.on_gone(number, gone))
    boost::asio::post(executor_, std::move(gone));
}

void h2_session::on_stopping(std::uint64_t number,
                             std::function<void()> stopping) {
  if (!protocol_.on_stopping(number, stopping))
    boost::asio::post(executor_, std::move(stopping));
}

void h2_session::extend_deadline(std::uint64_t number,
                                 std::chrono::milliseconds by) {
  protocol_.extend_deadline(number, by);
}

bool h2_session::begin_stream(std::uint64_t number, http_answer head,
                              std::string_view header_block) {
  if (!protocol_.begin_stream(number, head, header_block, moment()))
    return false;
  turn_soon();
  return true;
}

bool h2_session::write_part(std::uint64_t number, std::string_view part) {
  if (!protocol_.write_part(number, part, moment()))
    return false;
  turn_soon();
  return true;
}

void h2_session::end_stream(std::uint64_t number) {
  protocol_.end_stream(number, moment());
  turn_soon();
}

std::size_t h2_session::unwritten(std::uint64_t number) const {
  return protocol_.unwritten(number);
}

} // namespace callboard
