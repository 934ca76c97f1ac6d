// A node that behaves as a test wants: one blocking connection.
#pragma once

#include "net/cluster_frames.hpp"
#include "net/cluster_handshake.hpp"
#include "net/little_endian.hpp"
#include "tests/support/cluster_links.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>
#include <sys/time.h>

namespace callboard::test {

/// Nothing waits for more than ten seconds; then it counts as closed.
class impostor {
public:
  using tcp = boost::asio::ip::tcp;
  using role = cluster_handshake::role;

  /// What node `id` of `link_options` is.
  static cluster_identity identity(node_id id) {
    auto options = link_options(id);
    return {id, options.cluster, options.secret, options.hello};
  }

  explicit impostor(cluster_identity identity)
      : identity_(std::move(identity)) {}

  void connect(const tcp::endpoint& at) {
    socket_.connect(at);
    limit_waits();
  }

  /// Where `accept` accepts.
  tcp::endpoint listen() {
    acceptor_.open(tcp::v4());
    acceptor_.bind(loopback(9));
    acceptor_.listen();
    return acceptor_.local_endpoint();
  }

  /// The next connection, in place of an older one.
  void accept() {
    socket_ = acceptor_.accept();
    limit_waits();
  }

  void close() { socket_.close(); }

  /// To node `peer` (of an acceptor, who comes); whether it went well.
  bool shake_hands(role as, node_id peer = 0) {
    handshake_.emplace(as, identity_, peer, [](node_id) { return true; });
    reader_.reset();
    sequence_ = 0;
    while (!handshake_->done() && !handshake_->failed()) {
      if (!send(std::exchange(handshake_->out(), {})))
        return false;
      auto bytes = receive();
      if (bytes.empty())
        return false;
      input_ = std::move(bytes);
      std::string_view input{input_};
      handshake_->take(input);
      input_.erase(0, input_.size() - input.size());
    }
    send(std::exchange(handshake_->out(), {}));
    if (!handshake_->done())
      return false;
    seed_ = handshake_->frame_seed(as);
    reader_.emplace(handshake_->frame_seed(as == role::dialer ? role::acceptor
                                                              : role::dialer),
                    std::size_t{64} << 20);
    return true;
  }

  handshake_error error() const { return handshake_->error(); }

  /// False if the other side has closed.
  bool send(std::string_view bytes) {
    boost::system::error_code ec;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ec);
    return !ec;
  }

  /// The next frame, or one with that sequence.
  std::string frame(std::uint8_t kind, const std::string& body,
                    std::uint64_t sequence = 0) {
    sequence_ = sequence == 0 ? sequence_ + 1 : sequence;
    auto header = cluster_frame_header(kind, sequence_, body, seed_);
    return std::string{header.data(), header.size()} + body;
  }

  /// Some bytes; none when the other side has closed.
  std::string receive() {
    std::string out(65'536, '\0');
    boost::system::error_code ec;
    out.resize(socket_.read_some(boost::asio::buffer(out), ec));
    return out;
  }

  /// The next frame, signs of life too; nothing when the other side has closed.
  std::optional<cluster_frame> receive_frame() {
    while (true) {
      std::string_view input{input_};
      auto out = reader_->next(input);
      input_.erase(0, input_.size() - input.size());
      if (out || reader_->error() != cluster_frame_error::none)
        return out;
      input_ = receive();
      if (input_.empty())
        return std::nullopt;
    }
  }

  /// Reads on until the other side closes.
  bool closed() {
    while (true) {
      boost::system::error_code ec;
      char byte[4'096];
      socket_.read_some(boost::asio::buffer(byte), ec);
      if (ec)
        return ec != boost::asio::error::would_block
               && ec != boost::asio::error::timed_out;
    }
  }

private:
  void limit_waits() {
    timeval wait{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &wait,
                 sizeof wait);
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &wait,
                 sizeof wait);
  }

  cluster_identity identity_;
  boost::asio::io_context context_;
  tcp::acceptor acceptor_{context_};
  tcp::socket socket_{context_};
  std::optional<cluster_handshake> handshake_;
  std::optional<cluster_frame_reader> reader_;
  std::string input_;
  std::uint64_t seed_ = 0;
  std::uint64_t sequence_ = 0;
};

} // namespace callboard::test
