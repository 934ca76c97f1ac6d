// Dial, send, dial again.
#include "net/cluster_peer_link.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <sodium/randombytes.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

// Written in one go; the rest of what waits can still be dropped.
constexpr std::size_t write_bytes = std::size_t{1} << 20;

} // namespace

cluster_peer_link::cluster_peer_link(cluster_link_context& link,
                                     cluster_peer peer)
    : link_(link), peer_(std::move(peer)),
      outbox_(link.options.waiting_bytes_max), resolver_(link.io),
      timer_(link.io), retry_wait_(link.options.retry_wait_min) {}

bool cluster_peer_link::send(std::uint8_t kind, std::string body) {
  auto pushed = outbox_.push(kind, std::move(body));
  if (pushed == cluster_outbox::pushed::wake)
    boost::asio::post(link_.io, [self = shared_from_this()] { self->flush(); });
  return pushed != cluster_outbox::pushed::refused;
}

cluster_link_status cluster_peer_link::status() const {
  cluster_link_status out;
  out.connected = outbox_.is_open();
  out.accepted = accepted_;
  out.bytes_waiting = outbox_.waiting_bytes();
  out.frames_sent = frames_sent_;
  out.bytes_sent = bytes_sent_;
  out.frames_received = frames_received_;
  out.bytes_received = bytes_received_;
  out.frames_dropped = outbox_.dropped();
  out.connections = connections_;
  out.cut_offs = cut_offs_;
  if (auto heard = heard_.load(); heard != 0)
    out.silent_for = std::chrono::duration_cast<std::chrono::milliseconds>(
      cluster_clock::now().time_since_epoch() - cluster_clock::duration{heard});
  return out;
}

void cluster_peer_link::start() {
  look_up();
}

void cluster_peer_link::stop() {
  stopped_ = true;
  timer_.cancel();
  resolver_.cancel();
  for (auto one : {to_, from_})
    if (one)
      one->close("this node ends it", false);
}

void cluster_peer_link::set_address(cluster_peer peer) {
  if (peer == std::exchange(peer_, peer) || !waiting_)
    return;
  retry_wait_ = link_.options.retry_wait_min;
  timer_.cancel();
  look_up();
}

void cluster_peer_link::look_up() {
  waiting_ = false;
  addresses_.clear();
  boost::system::error_code ec;
  auto address = boost::asio::ip::make_address(peer_.host, ec);
  if (!ec) {
    addresses_.emplace_back(address, peer_.port);
    return connect_next();
  }
  resolver_.async_resolve(
    peer_.host, std::to_string(peer_.port),
    [self = shared_from_this()](boost::system::error_code failed,
                                const auto& found) {
      if (self->stopped_)
        return;
      if (failed) {
        self->log_unknown(failed.message());
        return self->dial_later();
      }
      for (auto& one : found)
        self->addresses_.push_back(one.endpoint());
      self->connect_next();
    });
}

void cluster_peer_link::connect_next() {
  auto at = addresses_.front();
  addresses_.pop_front();
  to_ = std::make_shared<cluster_connection>(link_, *this, peer_.id);
  to_->dial(at);
}

void cluster_peer_link::dial_later() {
  auto half = std::uint32_t(retry_wait_.count() / 2);
  timer_.expires_after(
    std::chrono::milliseconds{half + randombytes_uniform(half + 1)});
  retry_wait_ = std::min(2 * retry_wait_, link_.options.retry_wait_max);
  waiting_ = true;
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    if (!ec && self->waiting_ && !self->stopped_)
      self->look_up();
  });
}

void cluster_peer_link::adopt(std::shared_ptr<cluster_connection> accepted) {
  if (from_)
    from_->close("the node dialled again", false);
  from_ = std::move(accepted);
  from_->set_owner(*this);
  accepted_ = true;
  on_heard(*from_, 0);
  link_.events.up(peer_.id, from_->peer_hello());
  if (!waiting_ || stopped_)
    return;
  timer_.cancel(); // it is there: why wait?
  look_up();
}

void cluster_peer_link::on_up(cluster_connection& one) {
  up_since_ = cluster_clock::now();
  ++connections_;
  addresses_.clear();
  outbox_.open();
  if (auto more = link_.log.pass(std::to_string(peer_.id)))
    spdlog::info("cluster node connected node={} address={} suppressed={}",
                 peer_.id, one.address(), *more);
  link_.events.up(peer_.id, one.peer_hello());
}

void cluster_peer_link::on_heard(cluster_connection&, std::size_t bytes) {
  bytes_received_ += bytes;
  heard_ = cluster_clock::now().time_since_epoch().count();
}

void cluster_peer_link::on_frame(cluster_connection&, cluster_frame frame) {
  ++frames_received_;
  link_.events.received(peer_.id, frame.kind, std::move(frame.body));
}

void cluster_peer_link::on_written(cluster_connection& one) {
  if (&one != to_.get())
    return;
  outbox_.sent();
  flush();
}

void cluster_peer_link::flush() {
  if (!to_ || !to_->up() || to_->writing())
    return;
  auto frames = outbox_.take(write_bytes);
  if (frames.empty())
    return;
  frames_sent_ += frames.size();
  for (auto& one : frames)
    bytes_sent_ += cluster_frame_header_bytes + one.body.size();
  to_->write(std::move(frames));
}

void cluster_peer_link::on_closed(cluster_connection& one,
                                  const std::string& why, bool cut) {
  cut_offs_ += cut ? 1 : 0;
  auto was_up = one.up();
  log_closed(one, why);
  if (&one == from_.get()) {
    from_ = nullptr;
    accepted_ = false;
  } else {
    to_ = nullptr;
    outbox_.close();
    // One that was cut off at once is not dialled as fast as one that lasted.
    if (was_up
        && cluster_clock::now() - up_since_ >= link_.options.retry_wait_max)
      retry_wait_ = link_.options.retry_wait_min;
    if (!stopped_)
      addresses_.empty() ? dial_later() : connect_next();
  }
  if (was_up)
    link_.events.down(peer_.id);
}

void cluster_peer_link::log_unknown(const std::string& why) {
  if (auto more = link_.log.pass(std::to_string(peer_.id) + "name" + why))
    spdlog::warn("cluster node's name not found node={} host={} error={} "
                 "suppressed={}",
                 peer_.id, peer_.host, why, *more);
}

void cluster_peer_link::log_closed(const cluster_connection& one,
                                   const std::string& why) {
  if (stopped_)
    return;
  auto what = one.up() ? "connection lost" : "node not reached";
  if (auto more = link_.log.pass(std::to_string(peer_.id) + what + why))
    spdlog::warn("cluster {} node={} address={} error={} suppressed={}", what,
                 peer_.id, one.address(), why, *more);
}

} // namespace callboard
