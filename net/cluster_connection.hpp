// One connection between two nodes: handshake, frames, signs of life.
#pragma once

#include "actors/log_limit.hpp"
#include "net/cluster_frames.hpp"
#include "net/cluster_handshake.hpp"
#include "net/cluster_link_options.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

using cluster_executor = boost::asio::io_context::executor_type;
using cluster_clock = std::chrono::steady_clock;
using cluster_timer = boost::asio::basic_waitable_timer<
  cluster_clock, boost::asio::wait_traits<cluster_clock>, cluster_executor>;
using cluster_socket =
  boost::asio::basic_stream_socket<boost::asio::ip::tcp, cluster_executor>;

/// What everything on a link's thread shares.
struct cluster_link_context {
  cluster_link_options options;
  cluster_identity identity;
  cluster_link_events events;
  log_limit log;
  std::array<char, std::size_t{256} << 10> input{};
  boost::asio::io_context io{1};
};

class cluster_connection;

/// Who is told of a connection. On the link's thread.
class cluster_connection_owner {
public:
  /// The handshake is done.
  virtual void on_up(cluster_connection& one) = 0;

  virtual void on_heard(cluster_connection& one, std::size_t bytes) = 0;

  /// Not for the link's own frames.
  virtual void on_frame(cluster_connection& one, cluster_frame frame) = 0;

  /// All that was to be written is with the kernel.
  virtual void on_written(cluster_connection& one) = 0;

  /// The last call. `cut`: we gave it up, the other side did not close it.
  virtual void on_closed(cluster_connection& one, const std::string& why,
                         bool cut) = 0;

protected:
  ~cluster_connection_owner() = default;
};

/// The dialer sends frames and keep-alives and gets acknowledgements; the
/// acceptor gets frames. All calls on the link's thread. TLS would go between
/// this class and its socket: neither handshake nor frames know of either.
class cluster_connection
    : public std::enable_shared_from_this<cluster_connection> {
public:
  using role = cluster_handshake::role;

  /// A dialer to `peer`. The owner stays until `on_closed`.
  cluster_connection(cluster_link_context& link,
                     cluster_connection_owner& owner, node_id peer);

  /// An acceptor.
  cluster_connection(cluster_link_context& link,
                     cluster_connection_owner& owner, cluster_socket accepted,
                     std::function<bool(node_id)> accepts);

  void dial(const boost::asio::ip::tcp::endpoint& at);
  void start_accepted();

  /// From now on another one is told.
  void set_owner(cluster_connection_owner& owner) { owner_ = &owner; }

  bool up() const noexcept { return reader_.has_value(); }

  bool writing() const noexcept { return writing_; }

  node_id peer() const noexcept { return handshake_.peer(); }

  const std::string& peer_hello() { return handshake_.peer_hello(); }

  /// `address:port` of the other side.
  const std::string& address() const noexcept { return address_; }

  /// When it is up and not `writing`; `on_written` follows.
  void write(std::vector<cluster_frame> frames);

  /// At once; what is not written is lost.
  void close(const std::string& why, bool cut = true);

private:
  using error_code = boost::system::error_code;

  void start_handshake();
  void shake_hands(std::string_view& input);
  void wait_readable();
  void receive();
  void take(std::string_view input);
  void take_frame(cluster_frame frame);
  void acknowledge();
  void append_frame(cluster_frame frame);
  void flush();
  void on_flushed();
  void close_on(error_code ec);
  void watch(std::chrono::milliseconds wait, const char* why);
  void tick();

  cluster_link_context& link_;
  cluster_connection_owner* owner_;
  role role_;
  cluster_socket socket_;
  cluster_timer timer_;
  std::string address_;
  cluster_handshake handshake_;
  std::optional<cluster_frame_reader> reader_; // once it is up
  std::uint64_t seed_ = 0;                     // of what we send
  std::uint64_t sequence_ = 0;                 // the last one sent
  std::vector<std::string> out_;               // to be written, in one go
  std::vector<std::string> on_the_way_;        // being written
  bool writing_ = false;
  bool wrote_ = false; // since the last tick
  bool open_ = true;
  std::string last_words_; // closes for this reason when all is written
  cluster_clock::time_point deadline_; // until it is up
  const char* too_late_ = "";          // what is said then
  cluster_clock::time_point heard_;
  cluster_clock::time_point acknowledged_;
};

} // namespace callboard
