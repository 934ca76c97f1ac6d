// The phases of a connection: input on one side, answers and time on the other.
#include "net/http_session.hpp"

#include "net/asio_coordinator.hpp"
#include "net/h2_session.hpp"
#include "net/h2_upgrade.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace callboard {

namespace {

// Input that is taken in while a request is being answered, to notice its end.
constexpr std::size_t held_bytes_max = std::size_t{64} << 10;

} // namespace

void http_service::serve(const http_exchange& exchange) const {
  guard(exchange, [&] { handler(exchange.request(), exchange); });
}

http_session::http_session(http_stream stream, std::string remote_address,
                           std::shared_ptr<http_service> service,
                           std::function<void()> closed)
    : stream_(std::move(stream)), timer_(stream_.executor()),
      executor_(stream_.executor()), service_(std::move(service)),
      remote_address_(std::move(remote_address)), closed_(std::move(closed)),
      receiving_(service_->options.budgets->receiving),
      holding_(service_->options.budgets->receiving),
      sending_(service_->options.budgets->sending) {}

http_session::~http_session() {
  close();
}

void http_session::start() {
  auto& options = service_->options;
  deadline_ = clock::now() + options.idle_wait_max;
  if (stream_.secure()) {
    phase_ = phase::handshake;
    deadline_ = clock::now() + options.handshake_wait_max;
    ++service_->handshakes;
  }
  wait();
  wait_readable();
}

void http_session::start_refused() {
  asked_ = clock::now();
  deadline_ = asked_ + service_->options.write_wait_max;
  wait();
  refuse({503, "Too many connections"});
  after_turn();
}

void http_session::drain() {
  assert(!serving_);
  if (auto successor = successor_.lock())
    return successor->drain();
  draining_ = true;
  if (phase_ == phase::handshake)
    return close();
  if (phase_ == phase::idle)
    receive(); // a request may have arrived that we have not looked at yet
  if (phase_ == phase::answering)
    if (auto stopping = std::exchange(stopping_, nullptr))
      stopping();
  after_turn();
}

void http_session::close() {
  if (auto successor = successor_.lock())
    return successor->close();
  if (phase_ == phase::closed)
    return;
  auto gone = std::exchange(gone_, nullptr);
  bool answering = phase_ == phase::answering;
  if (phase_ == phase::handshake)
    end_handshake();
  phase_ = phase::closed;
  stream_.close();
  timer_.cancel();
  sending_.resize(0);
  if (!answering) // else the handler still has the body
    receiving_.resize(0);
  stopping_ = nullptr;
  auto state = std::move(state_); // what is bound ends when all is in order
  if (gone && answering)
    gone();
  for (auto& each : std::exchange(ends_, {}))
    if (each.at > written_)
      each.unsent();
  if (auto closed = std::exchange(closed_, nullptr))
    closed();
}

// --- input ------------------------------------------------------------------

void http_session::wait_readable() {
  if (std::exchange(waits_readable_, true))
    return;
  stream_.wait_readable([self = shared_from_this()](error_code ec) {
    self->waits_readable_ = false;
    if (!ec)
      self->receive();
  });
}

/// True once it is done.
bool http_session::shake_hands() {
  error_code ec;
  stream_.handshake(ec);
  if (ec == boost::asio::error::would_block)
    wait_readable();
  else if (ec)
    close();
  if (ec)
    return false;
  end_handshake();
  enter(phase::idle, service_->options.idle_wait_max);
  return true;
}

void http_session::end_handshake() {
  --service_->handshakes;
  service_->handshake_over();
}

void http_session::receive() {
  if (phase_ == phase::handshake && !shake_hands())
    return;
  bool watched = phase_ == phase::answering && gone_ != nullptr;
  if (!reads() && !watched && phase_ != phase::lingering)
    return; // nobody wants it now: it stays in the kernel
  auto& input = service_->input;
  error_code ec;
  auto size = stream_.read_some(input, ec);
  if (ec == boost::asio::error::would_block)
    return wait_readable();
  if (ec)
    return on_end_of_input(ec);
  on_input({input.data(), size});
}

void http_session::on_input(std::string_view fresh) {
  if (phase_ == phase::lingering)
    return wait_readable(); // read over
  if (phase_ == phase::answering) {
    hold(fresh);
    count_held();
    if (held_.size() - held_at_ < held_bytes_max)
      wait_readable();
    return;
  }
  if (held_.empty())
    return serve(fresh);
  hold(fresh);
  serve_held();
}

void http_session::on_end_of_input(error_code ec) {
  // A client may close its half and still read what was answered.
  if (ec != boost::asio::error::eof || unwritten() == 0
      || phase_ == phase::answering)
    return close();
  phase_ = phase::finishing;
}

void http_session::hold(std::string_view fresh) {
  held_.erase(0, std::exchange(held_at_, 0));
  held_ += fresh;
}

/// What waits behind an answer shares memory with the bodies of all requests.
/// Without room for it there is no request after the one that is answered.
void http_session::count_held() {
  bool waits = !reads() || !has_room();
  if (holding_.resize(waits ? held_.size() : 0))
    return;
  held_at_ = 0;
  shrink(held_);
  holding_.resize(0);
  keep_alive_ = false;
  linger_ = true;
  if (reads())
    enter(phase::finishing, service_->options.write_wait_max);
}

void http_session::serve_held() {
  serve(std::string_view{held_}.substr(held_at_));
}

/// `input` is either what was held or something fresh while nothing is.
void http_session::serve(std::string_view input) {
  if (fresh_ && begins_h2(input))
    return;
  serving_ = true;
  while (reads() && !input.empty()) {
    if (!has_room())
      flush(); // it may all fit into the kernel: nothing would wake us then
    if (!reads() || !has_room())
      break;
    auto used = read_request(input);
    if (used == 0)
      break;
    input.remove_prefix(used);
  }
  serving_ = false;
  if (phase_ == phase::closed)
    return;
  if (auto successor = successor_.lock()) {
    successor->start(input);
    holding_.resize(0);
    return shrink(held_);
  }
  if (!held_.empty())
    held_at_ = held_.size() - input.size();
  else if (!input.empty())
    held_ = input;
  if (input.empty() || phase_ == phase::finishing) {
    held_at_ = 0;
    shrink(held_);
  }
  count_held();
  after_turn();
}

/// Returns how much of `input` it has taken; 0 if it needs more.
std::size_t http_session::read_request(std::string_view input) {
  if (!reader_)
    reader_.emplace(service_->options.sizes, &service_->options.budgets->ahead);
  bool had_header = reader_->header_done();
  auto taken = reader_->read(input);
  if (!taken) {
    refuse(taken.error());
    return input.size();
  }
  if (reader_->done())
    hand_out();
  else if (!reader_->started())
    reader_.reset();
  else if (!receiving_.resize(reader_->body_size()))
    refuse(too_many_bodies());
  else if (!had_header && reader_->header_done() && *taken == input.size()
           && reader_->expects_continue())
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  return *taken;
}

void http_session::hand_out() {
  old_client_ = reader_->old_client();
  auto request = reader_->take();
  reader_.reset();
  keep_alive_ = request.keep_alive;
  method_ = request.method;
  head_only_ = method_ == http_verb::head;
  if (upgrade(request) || phase_ == phase::closed)
    return; // writing the answers before it found that the client is gone
  request.remote_address = remote_address_;
  request.connection = state_;
  ++number_;
  asked_ = enter(phase::answering, service_->options.answer_wait_max);
  http_exchange exchange{shared_from_this(), number_, std::move(request),
                         service_->options.header_block};
  service_->serve(exchange);
}

// --- HTTP/2 -----------------------------------------------------------------

/// Nothing may be under way on the socket, and no answer left to write.
bool http_session::may_hand_over() const noexcept {
  return service_->options.h2c && !stream_.secure() && !draining_
         && !waits_readable_ && !waits_writable_ && unwritten() == 0;
}

/// True if `input` is for HTTP/2, or may become so with what follows.
bool http_session::begins_h2(std::string_view input) {
  auto same = input.substr(0, h2_preface.size());
  fresh_ = may_hand_over() && h2_preface.starts_with(same);
  if (!fresh_)
    return false;
  if (same.size() == h2_preface.size()) {
    hand_over()->start(input);
    shrink(held_);
  } else {
    if (held_.empty())
      held_ = input;
    after_turn();
  }
  return true;
}

bool http_session::upgrade(http_request& request) {
  if (!service_->options.h2c || old_client_)
    return false;
  auto settings = h2_settings_of(request);
  if (!settings)
    return false;
  flush(); // answers to requests before it
  if (!reads() || !may_hand_over())
    return false;
  hand_over()->upgrade(std::move(request), *settings);
  return true;
}

std::shared_ptr<h2_session> http_session::hand_over() {
  phase_ = phase::handed_over;
  timer_.cancel();
  receiving_.resize(0); // the other counts what it has of a body
  auto out = std::make_shared<h2_session>(
    std::move(stream_), std::move(remote_address_), service_, std::move(state_),
    [self = shared_from_this()] {
      self->phase_ = phase::closed;
      std::exchange(self->closed_, nullptr)();
    });
  successor_ = out;
  return out;
}

/// Sends what was answered and sees what comes next.
void http_session::after_turn() {
  flush();
  if (reads()) {
    auto& options = service_->options;
    if (!reader_) {
      if (draining_ && unwritten() == 0)
        return close();
      phase_ = phase::idle; // its deadline runs since the last answer
    } else if (!reader_->header_done() && phase_ != phase::header) {
      enter(phase::header, options.header_wait_max);
    } else if (reader_->header_done() && phase_ != phase::body) {
      asked_ =
        enter(phase::body, std::min(options.body_grace, options.body_wait_max));
    }
    if (has_room())
      wait_readable();
  } else if (phase_ == phase::finishing && unwritten() == 0) {
    finish();
  }
}

// --- http_connection --------------------------------------------------------

void http_session::answer(std::uint64_t number, http_answer answer,
                          std::string_view header_block) {
  if (!is_current(number) || streaming_) {
    if (answer.unsent)
      answer.unsent();
    return;
  }
  // They may hold the exchange: destroyed at the end, when all is in order.
  auto gone = std::exchange(gone_, nullptr);
  auto stopping = std::exchange(stopping_, nullptr);
  put(std::move(answer), header_block);
  if (serving_)
    return;
  auto* worker = io_worker::current();
  auto send = [self = shared_from_this()] { self->serve_held(); };
  if (worker == nullptr || unwritten() > answer_kept_max
      || !worker->after_actors(send))
    send();
}

void http_session::on_gone(std::uint64_t number, std::function<void()> gone) {
  if (!is_current(number))
    return boost::asio::post(executor(), std::move(gone));
  gone_ = std::move(gone);
  wait_readable();
}

void http_session::on_stopping(std::uint64_t number,
                               std::function<void()> stopping) {
  if (!is_current(number))
    return;
  if (draining_)
    return boost::asio::post(executor(), std::move(stopping));
  stopping_ = std::move(stopping);
}

void http_session::extend_deadline(std::uint64_t number,
                                   std::chrono::milliseconds by) {
  if (is_current(number))
    deadline_ += by;
}

} // namespace callboard
