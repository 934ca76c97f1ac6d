// The HTTP limit: Beast alone, answering every request with a fixed 201.
//
//   bare_http [--port=9299] [--threads=2]     until it is killed
#include "bench/options.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sys/prctl.h>

#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::beast::error_code;
using namespace callboard::bench;

/// Nothing but Beast: no deadline, no routing, no registry of connections.
struct bare_session : std::enable_shared_from_this<bare_session> {
  explicit bare_session(tcp::socket s) : socket(std::move(s)) {}

  void read() {
    parser.emplace();
    parser->body_limit(std::uint64_t{16} << 20);
    http::async_read(socket, buffer, *parser,
                     [self = shared_from_this()](error_code ec, std::size_t) {
                       if (!ec)
                         self->write();
                     });
  }

  void write() {
    response = {http::status::created, 11};
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.set(http::field::location, "http://localhost:2113/streams/s/123");
    response.set(http::field::access_control_allow_headers,
                 std::string(400, 'x')); // about as long as ours
    response.body() = body;
    response.prepare_payload();
    http::async_write(socket, response,
                      [self = shared_from_this()](error_code ec, std::size_t) {
                        if (!ec)
                          self->read();
                      });
  }

  static inline std::string body; // of every answer
  tcp::socket socket;
  boost::beast::flat_buffer buffer;
  std::optional<http::request_parser<http::string_body>> parser;
  http::response<http::string_body> response;
};

struct listener {
  listener(boost::asio::io_context& io, std::uint16_t port) : acceptor(io) {
    using reuse_port =
      boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
    acceptor.open(tcp::v4());
    acceptor.set_option(tcp::acceptor::reuse_address{true});
    acceptor.set_option(reuse_port{true});
    acceptor.bind({boost::asio::ip::address_v4::loopback(), port});
    acceptor.listen();
  }

  void accept() {
    acceptor.async_accept([this](error_code ec, tcp::socket socket) {
      if (!ec) {
        socket.set_option(tcp::no_delay{true});
        std::make_shared<bare_session>(std::move(socket))->read();
      }
      accept();
    });
  }

  tcp::acceptor acceptor;
};

} // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto port = std::uint16_t(number(argc, argv, "port", 9299));
  bare_session::body.assign(number(argc, argv, "bytes", 0), 'x');
  std::vector<std::thread> running;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts;
  std::vector<std::unique_ptr<listener>> listeners;
  for (unsigned i = 0; i < number(argc, argv, "threads", 2); ++i) {
    contexts.push_back(std::make_unique<boost::asio::io_context>(1));
    listeners.push_back(std::make_unique<listener>(*contexts[i], port));
    listeners[i]->accept();
    running.emplace_back([&io = *contexts[i]] { io.run(); });
  }
  for (auto& thread : running)
    thread.join();
}
