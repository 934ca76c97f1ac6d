// Read what is there, write what waits, look at the clock.
#include "net/cluster_connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cassert>
#include <utility>

namespace callboard {

namespace {

using boost::asio::ip::tcp;

// One connection's input of one turn of the event loop: others want to be
// served too.
constexpr std::size_t turn_bytes_max = std::size_t{1} << 20;

// Shorter bodies are copied together, so that a system call takes many.
constexpr std::size_t piece_bytes = std::size_t{16} << 10;

std::string to_text(const tcp::endpoint& at) {
  auto address = at.address().to_string();
  return (at.address().is_v6() ? "[" + address + "]" : address) + ":"
         + std::to_string(at.port());
}

} // namespace

cluster_connection::cluster_connection(cluster_link_context& link,
                                       cluster_connection_owner& owner,
                                       node_id peer)
    : link_(link), owner_(&owner), role_(role::dialer), socket_(link.io),
      timer_(link.io), handshake_(role::dialer, link.identity, peer) {}

cluster_connection::cluster_connection(cluster_link_context& link,
                                       cluster_connection_owner& owner,
                                       cluster_socket accepted,
                                       std::function<bool(node_id)> accepts)
    : link_(link), owner_(&owner), role_(role::acceptor),
      socket_(std::move(accepted)), timer_(link.io),
      handshake_(role::acceptor, link.identity, 0, std::move(accepts)) {}

void cluster_connection::dial(const tcp::endpoint& at) {
  address_ = to_text(at);
  watch(link_.options.connect_wait_max, "no answer from its address");
  socket_.async_connect(at, [self = shared_from_this()](error_code ec) {
    if (!self->open_)
      return;
    if (ec)
      return self->close_on(ec);
    self->start_handshake();
  });
}

void cluster_connection::start_accepted() {
  error_code ec;
  auto at = socket_.remote_endpoint(ec);
  address_ = ec ? "?" : to_text(at);
  start_handshake();
}

void cluster_connection::start_handshake() {
  watch(link_.options.handshake_wait_max, "it did not end its handshake");
  error_code ec;
  socket_.set_option(tcp::no_delay{true}, ec);
  if (!ec)
    socket_.non_blocking(true, ec);
  if (ec)
    return close_on(ec);
  // What we have given up the kernel should not go on sending. It is a favour:
  // we look at the clock ourselves.
  auto milliseconds = unsigned(link_.options.silence_max.count());
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT,
               &milliseconds, sizeof milliseconds);
  std::string_view nothing;
  shake_hands(nothing);
  wait_readable();
}

void cluster_connection::shake_hands(std::string_view& input) {
  handshake_.take(input);
  if (!handshake_.out().empty())
    out_.push_back(std::exchange(handshake_.out(), {}));
  if (handshake_.failed()) {
    last_words_ = describe(handshake_.error());
    if (handshake_.refused())
      last_words_ = "it refuses this node: " + last_words_;
  }
  flush();
  if (!open_ || !handshake_.done())
    return;
  auto other = role_ == role::dialer ? role::acceptor : role::dialer;
  seed_ = handshake_.frame_seed(role_);
  reader_.emplace(handshake_.frame_seed(other),
                  role_ == role::dialer ? 0 : link_.options.body_bytes_max);
  tick();
  owner_->on_up(*this);
}

void cluster_connection::wait_readable() {
  if (!open_ || !last_words_.empty())
    return;
  socket_.async_wait(cluster_socket::wait_read,
                     [self = shared_from_this()](error_code ec) {
                       if (!self->open_)
                         return;
                       if (ec)
                         return self->close_on(ec);
                       self->receive();
                     });
}

void cluster_connection::receive() {
  auto& input = link_.input;
  for (std::size_t total = 0;
       open_ && last_words_.empty() && total < turn_bytes_max;) {
    error_code ec;
    auto bytes =
      socket_.read_some(boost::asio::buffer(input.data(), input.size()), ec);
    if (ec == boost::asio::error::would_block)
      break;
    if (ec)
      return close_on(ec);
    total += bytes;
    take({input.data(), bytes});
  }
  acknowledge();
  wait_readable();
}

void cluster_connection::take(std::string_view input) {
  heard_ = cluster_clock::now();
  owner_->on_heard(*this, input.size());
  if (!up())
    shake_hands(input);
  while (open_ && up()) {
    auto frame = reader_->next(input);
    if (!frame)
      break;
    take_frame(std::move(*frame));
  }
  if (open_ && up() && reader_->error() != cluster_frame_error::none)
    close(std::string{describe(reader_->error())});
}

void cluster_connection::take_frame(cluster_frame frame) {
  if (frame.kind == 0)
    return; // a sign of life
  if (role_ == role::dialer)
    return close("it sends where it should only acknowledge");
  owner_->on_frame(*this, std::move(frame));
}

/// Not for each frame: it only says that we are alive and have read something.
void cluster_connection::acknowledge() {
  if (!open_ || !up() || role_ == role::dialer || writing_
      || heard_ - acknowledged_ < link_.options.keep_alive_interval / 4)
    return;
  acknowledged_ = heard_;
  append_frame({});
  flush();
}

void cluster_connection::write(std::vector<cluster_frame> frames) {
  assert(up() && !writing_);
  for (auto& one : frames)
    append_frame(std::move(one));
  flush();
}

void cluster_connection::append_frame(cluster_frame frame) {
  auto header =
    cluster_frame_header(frame.kind, ++sequence_, frame.body, seed_);
  if (out_.empty() || out_.back().size() >= piece_bytes)
    out_.emplace_back();
  out_.back().append(header.data(), header.size());
  if (frame.body.size() < piece_bytes)
    out_.back().append(frame.body);
  else
    out_.push_back(std::move(frame.body));
}

void cluster_connection::flush() {
  if (!open_ || writing_)
    return;
  if (out_.empty())
    return last_words_.empty() ? void() : close(last_words_);
  on_the_way_ = std::exchange(out_, {});
  std::vector<boost::asio::const_buffer> buffers;
  for (auto& piece : on_the_way_)
    buffers.push_back(boost::asio::buffer(piece));
  writing_ = wrote_ = true;
  boost::asio::async_write(
    socket_, buffers, [self = shared_from_this()](error_code ec, std::size_t) {
      if (!self->open_)
        return;
      if (ec)
        return self->close_on(ec);
      self->on_flushed();
    });
}

void cluster_connection::on_flushed() {
  writing_ = false;
  on_the_way_.clear();
  flush();
  acknowledge(); // what came meanwhile
  if (open_ && up() && !writing_)
    owner_->on_written(*this);
}

void cluster_connection::close_on(error_code ec) {
  close(ec == boost::asio::error::eof ? "the other side closed it"
                                      : ec.message(),
        false);
}

void cluster_connection::close(const std::string& why, bool cut) {
  auto self = shared_from_this(); // the owner lets go of it
  if (!std::exchange(open_, false))
    return;
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  owner_->on_closed(*this, std::string{why}, cut);
}

void cluster_connection::watch(std::chrono::milliseconds wait,
                               const char* why) {
  deadline_ = cluster_clock::now() + wait;
  too_late_ = why;
  tick();
}

void cluster_connection::tick() {
  auto now = cluster_clock::now();
  auto& options = link_.options;
  if (!up() && now >= deadline_)
    return close(too_late_);
  if (up() && now - heard_ >= options.silence_max)
    return close("it has been silent for too long");
  if (up() && role_ == role::dialer && !writing_
      && !std::exchange(wrote_, false))
    write({{}});
  timer_.expires_at(up() ? now + options.keep_alive_interval : deadline_);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec && self->open_)
      self->tick();
  });
}

} // namespace callboard
