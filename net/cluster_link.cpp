// Listening, the set of peers, and the thread.
#include "net/cluster_link.hpp"

#include "net/cluster_peer_link.hpp"
#include "net/http_server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <list>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>

namespace callboard {

namespace {

// Without descriptors accept fails at once, again and again.
constexpr auto descriptor_wait = std::chrono::milliseconds{50};

} // namespace

class cluster_link::impl : public cluster_connection_owner {
public:
  impl(cluster_link_options options, cluster_link_events events)
      : link_{options,
              {options.self, options.cluster, options.secret, options.hello},
              std::move(events),
              {}},
        acceptor_(std::move(listen({&link_.io}, options.listen).front())),
        endpoint_(acceptor_.local_endpoint()), timer_(link_.io) {
    replace_peers(options.peers);
    accept();
    thread_ = std::thread{[this] { link_.io.run(); }};
  }

  ~impl() {
    boost::asio::post(link_.io, [this] { stop(); });
    guard_.reset();
    thread_.join();
  }

  const boost::asio::ip::tcp::endpoint& endpoint() const { return endpoint_; }

  std::shared_ptr<cluster_peer_link> find(node_id id) const {
    std::shared_lock lock{mutex_};
    auto at = peers_.find(id);
    return at == peers_.end() ? nullptr : at->second.link;
  }

  void set_peers(std::vector<cluster_peer> peers) {
    boost::asio::post(link_.io, [this, peers = std::move(peers)] {
      if (!stopped_)
        replace_peers(peers);
    });
  }

  std::vector<cluster_link_status> status() const {
    std::vector<cluster_link_status> out;
    std::shared_lock lock{mutex_};
    for (auto& [id, one] : peers_) {
      out.push_back(one.link->status());
      out.back().peer = one.peer;
    }
    return out;
  }

  std::size_t body_bytes_max() const { return link_.options.body_bytes_max; }

private:
  struct known_peer {
    cluster_peer peer;
    std::shared_ptr<cluster_peer_link> link;
  };

  void replace_peers(const std::vector<cluster_peer>& wanted);
  void accept();
  void on_accepted(cluster_socket socket);
  std::shared_ptr<cluster_connection> forget(cluster_connection& one);
  void stop();

  void on_up(cluster_connection& one) override;

  void on_heard(cluster_connection&, std::size_t) override {}

  void on_frame(cluster_connection&, cluster_frame) override {}

  void on_written(cluster_connection&) override {}

  void on_closed(cluster_connection& one, const std::string& why,
                 bool cut) override;

  cluster_link_context link_;
  boost::asio::executor_work_guard<cluster_executor> guard_{
    link_.io.get_executor()};
  tcp_acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
  cluster_timer timer_;
  std::list<std::shared_ptr<cluster_connection>> half_open_; // oldest first
  bool stopped_ = false;

  mutable std::shared_mutex mutex_; // changed by the link's thread only
  std::map<node_id, known_peer> peers_;

  std::thread thread_;
};

/// On the link's thread, or before it runs.
void cluster_link::impl::replace_peers(
  const std::vector<cluster_peer>& wanted) {
  std::map<node_id, known_peer> next;
  for (auto& peer : wanted)
    if (peer.id != link_.identity.self)
      next.try_emplace(peer.id, known_peer{peer, nullptr});
  std::vector<std::shared_ptr<cluster_peer_link>> gone;
  for (auto& [id, old] : peers_)
    if (auto at = next.find(id); at != next.end())
      at->second.link = old.link;
    else
      gone.push_back(old.link);
  std::vector<std::shared_ptr<cluster_peer_link>> fresh;
  for (auto& [id, one] : next)
    if (one.link)
      one.link->set_address(one.peer);
    else
      one.link = fresh.emplace_back(
        std::make_shared<cluster_peer_link>(link_, one.peer));
  {
    std::unique_lock lock{mutex_};
    peers_ = std::move(next);
  }
  for (auto& one : gone)
    one->stop();
  for (auto& one : fresh)
    one->start();
}

void cluster_link::impl::accept() {
  acceptor_.async_accept(
    [this](boost::system::error_code ec, cluster_socket socket) {
      if (stopped_)
        return;
      if (!ec) {
        on_accepted(std::move(socket));
        return accept();
      }
      timer_.expires_after(descriptor_wait);
      timer_.async_wait([this](boost::system::error_code failed) {
        if (!failed && !stopped_)
          accept();
      });
    });
}

void cluster_link::impl::on_accepted(cluster_socket socket) {
  if (half_open_.size() >= link_.options.half_open_max)
    half_open_.front()->close("too many connections that say nothing");
  half_open_.push_back(std::make_shared<cluster_connection>(
    link_, *this, std::move(socket),
    [this](node_id id) { return peers_.contains(id); }));
  half_open_.back()->start_accepted();
}

/// It is none of the half-open ones any more.
std::shared_ptr<cluster_connection>
cluster_link::impl::forget(cluster_connection& one) {
  auto at = std::find_if(half_open_.begin(), half_open_.end(),
                         [&](auto& other) { return other.get() == &one; });
  assert(at != half_open_.end());
  auto out = *at;
  half_open_.erase(at);
  return out;
}

void cluster_link::impl::on_up(cluster_connection& one) {
  peers_.at(one.peer()).link->adopt(forget(one));
}

void cluster_link::impl::on_closed(cluster_connection& one,
                                   const std::string& why, bool) {
  forget(one);
  if (stopped_)
    return;
  if (auto more = link_.log.pass("accepted" + why))
    spdlog::warn("cluster connection refused address={} error={} suppressed={}",
                 one.address(), why, *more);
}

void cluster_link::impl::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  while (!half_open_.empty())
    half_open_.front()->close("this node ends it", false);
  for (auto& [id, one] : peers_)
    one.link->stop();
}

cluster_link::cluster_link(cluster_link_options options,
                           cluster_link_events events)
    : impl_(std::make_unique<impl>(std::move(options), std::move(events))) {}

cluster_link::~cluster_link() = default;

boost::asio::ip::tcp::endpoint cluster_link::endpoint() const {
  return impl_->endpoint();
}

bool cluster_link::send(node_id to, std::uint8_t kind, std::string body) {
  assert(kind != 0);
  auto peer = impl_->find(to);
  return peer && body.size() <= impl_->body_bytes_max()
         && peer->send(kind, std::move(body));
}

bool cluster_link::connected(node_id to) const {
  auto peer = impl_->find(to);
  return peer && peer->connected();
}

void cluster_link::set_peers(std::vector<cluster_peer> peers) {
  impl_->set_peers(std::move(peers));
}

std::vector<cluster_link_status> cluster_link::status() const {
  return impl_->status();
}

} // namespace callboard
