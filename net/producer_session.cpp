// Read what is there, take whole frames, write what was answered.
#include "net/producer_session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

// One connection's input of one turn of the event loop: others want to be
// served too.
constexpr std::size_t turn_bytes_max = std::size_t{1} << 20;

// A client with so many unread answers is not read from.
constexpr std::size_t unread_bytes_max = std::size_t{256} << 10;

constexpr auto never = std::chrono::steady_clock::time_point::max();

} // namespace

producer_session::producer_session(socket s,
                                   std::shared_ptr<producer_service> service,
                                   std::function<void()> closed)
    : socket_(std::move(s)), timer_(socket_.get_executor()),
      service_(std::move(service)), closed_(std::move(closed)),
      protocol_([this](std::uint16_t stream, const produce_frame& frame) {
        produce(stream, frame);
      }),
      receiving_(service_->budgets->receiving),
      read_deadline_(clock::now() + service_->frame_wait_max) {}

void producer_session::start() {
  wait();
  wait_readable();
}

void producer_session::produce(std::uint16_t stream,
                               const produce_frame& frame) {
  std::size_t bytes = 0;
  for (auto one : frame.records)
    bytes += one.size();
  ++frames_;
  bytes_ += bytes;
  service_->sink(frame, [self = shared_from_this(), stream,
                         bytes](std::optional<producer_refusal> refused) {
    self->stored(stream, bytes, refused);
  });
}

void producer_session::stored(std::uint16_t stream, std::size_t bytes,
                              const std::optional<producer_refusal>& refused) {
  --frames_;
  bytes_ -= bytes;
  if (!open_)
    return;
  if (refused)
    protocol_.refuse(stream, refused->code, refused->text);
  else
    protocol_.answer(stream);
  flush_soon();
}

bool producer_session::may_read() const noexcept {
  return open_ && !draining_ && !protocol_.closed()
         && frames_ < limits::producer_frames_max
         && bytes_ < limits::producer_bytes_max
         && out_.size() - written_ + protocol_.out().size() < unread_bytes_max;
}

void producer_session::wait_readable() {
  if (waits_readable_)
    return;
  if (!may_read()) {
    paused_ = true;
    return;
  }
  if (std::exchange(paused_, false) && read_deadline_ != never)
    begin_frame(); // with the whole time
  waits_readable_ = true;
  socket_.async_wait(socket::wait_read,
                     [self = shared_from_this()](error_code ec) {
                       self->waits_readable_ = false;
                       if (ec)
                         self->close();
                       else
                         self->receive();
                     });
}

void producer_session::receive() {
  auto& input = service_->input;
  for (std::size_t total = 0; total < turn_bytes_max && may_read();) {
    error_code ec;
    auto bytes =
      socket_.read_some(boost::asio::buffer(input.data(), input.size()), ec);
    if (ec == boost::asio::error::would_block)
      break;
    if (ec == boost::asio::error::eof)
      return drain(); // it may still read
    if (ec)
      return close();
    total += bytes;
    take({input.data(), bytes});
  }
  flush();
  close_if_done();
  wait_readable();
}

/// What is not a whole frame yet is kept for the next time. Its time does not
/// begin again with every byte: all connections together may keep so much only.
void producer_session::take(std::string_view fresh) {
  auto begins = in_.empty();
  std::size_t taken = 0;
  if (begins) {
    taken = take_frames(fresh);
    in_.assign(fresh.substr(taken));
  } else {
    in_.append(fresh);
    taken = take_frames(in_);
    in_.erase(0, taken);
  }
  if (in_.empty() && in_.capacity() > service_->input.size())
    in_.shrink_to_fit();
  if (!receiving_.resize(in_.size()))
    return close(); // too much of all connections together is incomplete
  if (!protocol_.started())
    return; // the first frame's time runs since the connection began
  if (in_.empty())
    read_deadline_ = never;
  else if (begins || taken > 0)
    begin_frame();
}

std::size_t producer_session::take_frames(std::string_view input) {
  std::size_t taken = 0;
  while (auto bytes = protocol_.take(input.substr(taken)))
    taken += bytes;
  return taken;
}

void producer_session::flush_soon() {
  if (std::exchange(flush_posted_, true))
    return;
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
    self->close_if_done();
    self->wait_readable();
  });
}

void producer_session::flush() {
  if (!open_ || waits_writable_)
    return;
  out_.erase(0, std::exchange(written_, 0));
  if (out_.empty())
    std::swap(out_, protocol_.out());
  else
    out_.append(std::exchange(protocol_.out(), {}));
  while (written_ < out_.size()) {
    error_code ec;
    written_ += socket_.write_some(
      boost::asio::buffer(out_.data() + written_, out_.size() - written_), ec);
    if (ec == boost::asio::error::would_block)
      return wait_writable();
    if (ec)
      return close();
  }
  write_deadline_ = never;
}

void producer_session::wait_writable() {
  waits_writable_ = true;
  write_deadline_ = clock::now() + service_->write_wait_max;
  wait();
  socket_.async_wait(socket::wait_write,
                     [self = shared_from_this()](error_code ec) {
                       self->waits_writable_ = false;
                       if (ec)
                         return self->close();
                       self->flush();
                       self->close_if_done();
                       self->wait_readable();
                     });
}

void producer_session::drain() {
  draining_ = true;
  flush();
  close_if_done();
}

/// Closes when no answer is owed any more.
void producer_session::close_if_done() {
  auto ends = draining_ || protocol_.closed();
  if (open_ && ends && frames_ == 0 && written_ == out_.size()
      && protocol_.out().empty()) {
    error_code ignored;
    socket_.shutdown(socket::shutdown_send, ignored);
    close();
  }
}

void producer_session::close() {
  if (!std::exchange(open_, false))
    return;
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  receiving_.resize(0);
  if (auto closed = std::exchange(closed_, nullptr))
    closed();
}

void producer_session::begin_frame() {
  read_deadline_ = clock::now() + service_->frame_wait_max;
  wait();
}

void producer_session::wait() {
  auto deadline = std::min(read_deadline_, write_deadline_);
  if (!open_ || deadline == never || timer_.expiry() > clock::now())
    return; // it looks again when it fires
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (ec || !self->open_)
      return;
    auto now = clock::now();
    // While too much is being stored it is us who do not read.
    if (now >= self->write_deadline_
        || (now >= self->read_deadline_ && self->may_read()))
      self->close();
    else if (now >= self->read_deadline_)
      self->begin_frame();
    else
      self->wait();
  });
}

} // namespace callboard
