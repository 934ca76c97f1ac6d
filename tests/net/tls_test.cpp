// HTTP through TLS: who gets in, whose certificate is shown, who is cut off.
#include "net/tls.hpp"
#include "tests/support/certificate.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <functional>
#include <optional>
#include <vector>

namespace callboard::test::tls_test {

using namespace std::chrono_literals;

namespace {

namespace ssl = boost::asio::ssl;
namespace http = boost::beast::http;
using Catch::Matchers::ContainsSubstring;

void echo(http_request& request, const http_exchange& exchange) {
  exchange.answer({.body = std::move(request.body)});
}

std::shared_ptr<tls_identity> identity(const certificate& of) {
  std::string why;
  auto out = tls_identity::load(of.file, of.key_file, why);
  INFO(why);
  REQUIRE(out);
  return out;
}

/// One connection through TLS that trusts one certificate. Throws what fails.
class tls_client {
public:
  tls_client(std::uint16_t port, const certificate& trusted) {
    context_.load_verify_file(trusted.file);
    context_.set_verify_mode(ssl::verify_peer);
    stream_.emplace(io_, context_);
    stream_->next_layer().connect(
      {boost::asio::ip::address_v4::loopback(), port});
  }

  /// Speaks this version only, also one that OpenSSL would not by itself.
  void speak(int version) {
    auto* handle = stream_->native_handle();
    SSL_set_security_level(handle, 0);
    SSL_set_min_proto_version(handle, version);
    SSL_set_max_proto_version(handle, version);
  }

  void handshake() { stream_->handshake(ssl::stream_base::client); }

  void send(std::string_view bytes) {
    boost::asio::write(*stream_, boost::asio::buffer(bytes));
  }

  std::string receive() {
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    auto buffer = boost::asio::dynamic_buffer(input_);
    http::read(*stream_, buffer, parser);
    return parser.release().body();
  }

  /// The bodies of so many answers, received while `bytes` are being sent. On
  /// one thread: a TLS stream may not be read and written by two at a time.
  std::vector<std::string> exchange(std::string_view bytes, std::size_t count) {
    std::vector<std::string> out;
    auto failed = [](boost::system::error_code ec) {
      if (ec)
        throw boost::system::system_error{ec};
    };
    boost::asio::async_write(
      *stream_, boost::asio::buffer(bytes),
      [failed](boost::system::error_code ec, std::size_t) { failed(ec); });
    boost::beast::flat_buffer buffer;
    std::optional<http::response_parser<http::string_body>> parser;
    std::function<void()> read = [&] {
      parser.emplace();
      parser->body_limit(boost::none);
      http::async_read(*stream_, buffer, *parser,
                       [&](boost::system::error_code ec, std::size_t) {
                         failed(ec);
                         out.push_back(parser->release().body());
                         if (out.size() < count)
                           read();
                       });
    };
    read();
    io_.run_for(60s);
    return out;
  }

  /// The error that the end of the connection is.
  boost::system::error_code end() {
    char byte = 0;
    boost::system::error_code ec;
    boost::asio::read(*stream_, boost::asio::buffer(&byte, 1), ec);
    return ec;
  }

private:
  boost::asio::io_context io_;
  ssl::context context_{ssl::context::tls_client};
  std::optional<ssl::stream<boost::asio::ip::tcp::socket>> stream_;
  std::string input_;
};

std::string post(const std::string& body, const std::string& headers = {}) {
  return "POST / HTTP/1.1\r\nHost: localhost\r\n" + headers
         + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool fails(tls_client& client) {
  try {
    client.handshake();
    return false;
  } catch (const boost::system::system_error&) {
    return true;
  }
}

} // namespace

TEST_CASE("requests and answers go through TLS, small and large") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  http_fixture server{echo, {.tls = identity(own)}};
  tls_client client{server.port(), own};
  client.handshake();
  client.send(post("one"));
  CHECK(client.receive() == "one");
  // A pipeline, in order, over records of any size.
  client.send(post("two") + post("three"));
  CHECK(client.receive() == "two");
  CHECK(client.receive() == "three");
  std::string large(5'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = char('a' + i % 23);
  client.send(post(large));
  CHECK(client.receive() == large);
  client.send(post("last", "Connection: close\r\n"));
  CHECK(client.receive() == "last");
  // The end is told: nobody cut the connection.
  CHECK(client.end() == boost::asio::error::eof);
}

TEST_CASE("a pipeline larger than every buffer goes through TLS whole") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  http_fixture server{echo, {.tls = identity(own)}};
  tls_client client{server.port(), own};
  client.handshake();
  const std::string body(300'000, 'y');
  std::string pipeline;
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back(std::to_string(i) + body);
    pipeline += post(expected.back());
  }
  CHECK((client.exchange(pipeline, 40) == expected));
}

TEST_CASE("nothing older than TLS 1.2 is spoken") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  http_fixture server{echo, {.tls = identity(own)}};
  tls_client old{server.port(), own};
  old.speak(TLS1_1_VERSION);
  CHECK_THROWS_WITH(old.handshake(), ContainsSubstring("protocol version"));
  tls_client good{server.port(), own};
  good.speak(TLS1_2_VERSION);
  CHECK(!fails(good));
  good.send(post("a"));
  CHECK(good.receive() == "a");
}

TEST_CASE("new files are shown after a reload; bad ones change nothing") {
  temporary_folder folder;
  certificate first{folder.path, "first"};
  certificate second{folder.path, "second"};
  auto shown = identity(first);
  http_fixture server{echo, {.tls = shown}};
  tls_client before{server.port(), first};
  before.handshake();
  auto replace = [](const std::string& by, const std::string& file) {
    std::filesystem::copy_file(
      by, file, std::filesystem::copy_options::overwrite_existing);
  };
  // Half of a change is a key that does not belong to the certificate.
  replace(second.file, first.file);
  auto wrong = shown->reload();
  REQUIRE(wrong);
  CHECK(wrong->find("does not belong") != std::string::npos);
  CHECK(wrong->find(first.key_file) != std::string::npos);
  tls_client still{server.port(), second};
  CHECK(fails(still));
  replace(second.key_file, first.key_file);
  CHECK(!shown->reload());
  tls_client after{server.port(), second};
  CHECK(!fails(after));
  // Who was connected stays.
  before.send(post("b"));
  CHECK(before.receive() == "b");
  std::ofstream{first.file} << "nonsense";
  CHECK(shown->reload()->find(first.file) != std::string::npos);
  tls_client last{server.port(), second};
  CHECK(!fails(last));
}

TEST_CASE("files that cannot be used are named, with the reason") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  certificate other{folder.path, "other"};
  auto refused = [](const std::string& file, const std::string& key) {
    std::string why;
    CHECK(!tls_identity::load(file, key, why));
    return why;
  };
  CHECK(refused("/nowhere.pem", own.key_file)
        == "cannot use the certificate in /nowhere.pem: No such file or "
           "directory");
  CHECK(refused(own.file, "/nowhere.key")
        == "cannot use the key in /nowhere.key: No such file or directory");
  CHECK(refused(own.file, other.key_file)
        == "the key in " + other.key_file
             + " does not belong to the certificate in " + own.file);
  CHECK(refused(own.key_file, own.key_file).find("cannot use the certificate")
        == 0);
}

TEST_CASE("who does not speak TLS is cut off") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  http_fixture server{echo, {.tls = identity(own)}};
  http_client plain{server.port()};
  plain.try_send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  plain.receive_all();
  CHECK(server.sessions() == 0);
}

TEST_CASE("a handshake has its time, and only so many go on at once") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  http_fixture server{
    echo,
    {.handshake_wait_max = 1s, .handshakes_max = 2, .tls = identity(own)}};
  http_client stalled{server.port()};
  http_client half{server.port()};
  half.try_send(std::string_view{"\x16\x03\x01", 3});
  // Waits in the kernel until one of them has been cut off.
  tls_client third{server.port(), own};
  third.handshake();
  third.send(post("c"));
  CHECK(third.receive() == "c");
  CHECK(stalled.closed());
  CHECK(half.closed());
}

TEST_CASE("a stop cuts a handshake and an idle connection through TLS") {
  temporary_folder folder;
  certificate own{folder.path, "own"};
  http_fixture server{echo, {.tls = identity(own)}};
  tls_client idle{server.port(), own};
  idle.handshake();
  http_client stalled{server.port()};
  auto begin = std::chrono::steady_clock::now();
  while (server.sessions() < 2
         && std::chrono::steady_clock::now() - begin < 10s)
    std::this_thread::yield();
  REQUIRE(server.sessions() == 2);
  auto stopped = server.begin_stop();
  CHECK(stopped.wait_for(3s) == std::future_status::ready);
  CHECK(idle.end() == boost::asio::error::eof);
}

} // namespace callboard::test::tls_test
