// The binary producer's connections over loopback.
#include "net/producer_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <future>
#include <optional>
#include <thread>

namespace callboard::test::producer_session_test {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

using then = std::function<void(std::optional<producer_refusal>)>;

/// A server whose frames are stored when the test says so.
class producer_fixture {
public:
  explicit producer_fixture(std::chrono::milliseconds frame_wait = 30s) {
    auto service = std::make_shared<producer_service>();
    service->frame_wait_max = frame_wait;
    service->sink = [this](const produce_frame& frame, then done) {
      topics.emplace_back(frame.topic);
      waiting.push_back(std::move(done));
      if (at_once)
        store(refused);
    };
    server_ = std::make_shared<producer_server>(
      std::move(listen({&context_}, {boost::asio::ip::address_v4::loopback(),
                                     std::uint16_t{0}})
                  .front()),
      service);
    boost::asio::post(context_, [s = server_] { s->start(); });
    thread_ = std::thread{[this] { context_.run(); }};
  }

  ~producer_fixture() {
    stop();
    guard_.reset();
    thread_.join();
  }

  void stop() {
    if (!server_)
      return;
    std::promise<void> stopped;
    std::exchange(server_, nullptr)->stop([&] { stopped.set_value(); });
    stopped.get_future().wait();
  }

  template <class F>
  auto on_thread(F f) {
    std::packaged_task<decltype(f())()> task{std::move(f)};
    auto done = task.get_future();
    boost::asio::post(context_, std::move(task));
    return done.get();
  }

  /// The oldest frame ends so. On the server's thread.
  void store(std::optional<producer_refusal> outcome) {
    auto done = std::move(waiting.front());
    waiting.pop_front();
    done(std::move(outcome));
  }

  std::uint16_t port() const { return server_->endpoint().port(); }

  std::size_t sessions() {
    return on_thread([this] { return server_->sessions(); });
  }

  bool at_once = true;
  std::optional<producer_refusal> refused; // with `at_once`
  std::vector<std::string> topics;
  std::deque<then> waiting;

private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<http_executor> guard_{
    context_.get_executor()};
  std::shared_ptr<producer_server> server_;
  std::thread thread_;
};

class client {
public:
  explicit client(std::uint16_t port, std::optional<int> unread_bytes = {}) {
    socket_.open(tcp::v4());
    if (unread_bytes)
      socket_.set_option(tcp::socket::receive_buffer_size{*unread_bytes});
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
  }

  /// What there is room for now. Nothing: the connection has ended.
  std::optional<std::size_t> send_some(std::string_view bytes) {
    socket_.non_blocking(true);
    boost::system::error_code ec;
    auto sent = socket_.write_some(boost::asio::buffer(bytes), ec);
    if (ec && ec != boost::asio::error::would_block)
      return std::nullopt;
    return sent;
  }

  void send(std::string_view bytes) {
    boost::asio::write(socket_, boost::asio::buffer(bytes));
  }

  void end_sending() { socket_.shutdown(tcp::socket::shutdown_send); }

  std::string receive(std::size_t bytes) {
    std::string out(bytes, '\0');
    boost::asio::read(socket_, boost::asio::buffer(out));
    return out;
  }

  /// Everything until the server closes.
  std::string rest() {
    std::string out;
    boost::system::error_code ec;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(out), ec);
    return out;
  }

private:
  boost::asio::io_context context_;
  tcp::socket socket_{context_};
};

std::string plain(frame_opcode opcode, std::uint16_t stream) {
  std::string out;
  append_frame(out, opcode, stream);
  return out;
}

// startup and a produce frame as the documentation has them
const std::string startup{
  "\x01\x00\x00\x07\x01\x00\x00\x00\x00\xd1\x17\x19\xe5", 13};
const std::string frame{"\x01\x01\x00\x09\x04\x00\x00\x00\x24\xd3\x54\x13\xaa"
                        "\x00\x06\x0a\x24\x18\x1e\x40\x00\x01k\x03"
                        "bp1\x00\x00\x00\x07{\"a\":1}\x00\x00\x00\x07{\"a\":2}",
                        49};

} // namespace

TEST_CASE("frames that come together are answered together, in order") {
  producer_fixture f;
  client c{f.port()};
  c.send(startup + frame + plain(frame_opcode::heartbeat, 3) + frame);
  CHECK(c.receive(13) == plain(frame_opcode::ready, 7));
  CHECK(c.receive(39).size() == 39);
  CHECK(f.on_thread([&] { return f.topics.size(); }) == 2);
}

TEST_CASE("an answer waits until the frame is stored") {
  producer_fixture f;
  f.at_once = false;
  client c{f.port()};
  c.send(startup + frame + plain(frame_opcode::heartbeat, 3));
  CHECK(c.receive(13) == plain(frame_opcode::ready, 7));
  CHECK(c.receive(13) == plain(frame_opcode::ready, 3)); // before the frame
  f.on_thread([&] { f.store(std::nullopt); });
  CHECK(c.receive(13) == plain(frame_opcode::produced, 9));
  c.send(frame + plain(frame_opcode::heartbeat, 4));
  CHECK(c.receive(13) == plain(frame_opcode::ready, 4));
  f.on_thread(
    [&] { f.store(producer_refusal{frame_error::server, "not now"}); });
  CHECK(c.receive(13 + 8).ends_with("not now"));
}

TEST_CASE("a stop answers what was read") {
  producer_fixture f;
  f.at_once = false;
  client c{f.port()};
  c.send(startup + frame + plain(frame_opcode::heartbeat, 3));
  c.receive(26);
  std::thread stopping{[&] { f.stop(); }};
  f.on_thread([] {}); // after `drain` was posted, or before: both are fine
  f.on_thread([&] { f.store(std::nullopt); });
  CHECK(c.rest() == plain(frame_opcode::produced, 9));
  stopping.join();
}

TEST_CASE("who never begins, or never ends a frame, is cut off") {
  producer_fixture f{50ms};
  SECTION("without a startup") {
    client c{f.port()};
    CHECK(c.rest().empty());
  }
  SECTION("in the middle of a frame") {
    client c{f.port()};
    c.send(startup + frame.substr(0, 20));
    CHECK(c.rest() == plain(frame_opcode::ready, 7));
  }
}

TEST_CASE("between two frames there is time") {
  producer_fixture f{20ms};
  client idle{f.port()};
  idle.send(startup);
  idle.receive(13);
  client other{f.port()};
  CHECK(other.rest().empty()); // longer than an unfinished frame may take
  idle.send(frame);
  CHECK(idle.receive(13) == plain(frame_opcode::produced, 9));
}

TEST_CASE("a bad frame ends its connection alone") {
  producer_fixture f;
  client good{f.port()};
  good.send(startup);
  good.receive(13);
  client bad{f.port()};
  bad.send(frame);
  CHECK(bad.rest().ends_with("Invalid first message"));
  good.send(frame);
  CHECK(good.receive(13) == plain(frame_opcode::produced, 9));
  CHECK(f.sessions() == 1);
}

TEST_CASE("who sends no more still gets the answers") {
  producer_fixture f;
  f.at_once = false;
  client c{f.port()};
  c.send(startup + frame + plain(frame_opcode::heartbeat, 3));
  c.receive(26);
  c.end_sending();
  f.on_thread([] {}); // a turn in which the end can be read
  f.on_thread([&] { f.store(std::nullopt); });
  CHECK(c.rest() == plain(frame_opcode::produced, 9));
}

TEST_CASE("who does not take answers is read from no more") {
  producer_fixture f;
  f.on_thread([&] {
    f.refused = producer_refusal{frame_error::server, std::string(500, 'x')};
  });
  constexpr std::size_t frames_max = 100'000; // 50 MB of answers
  client c{f.port(), 64 << 10};
  c.send(startup);
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += frame;
  std::size_t sent = 0;
  std::size_t taken = 0;
  for (int idle = 0; idle < 100 && taken < frames_max;) {
    auto some = c.send_some(std::string_view{many}.substr(sent % many.size()));
    sent += some.value();
    auto now = f.on_thread([&] { return f.topics.size(); });
    idle = now == taken ? idle + 1 : 0;
    taken = now;
  }
  CHECK(taken < frames_max / 2); // the system's buffers took some
}

TEST_CASE("a frame's time does not begin again with every byte") {
  producer_fixture f{50ms};
  client c{f.port()};
  // Of a produce frame with 15 MiB.
  c.send(
    startup
    + std::string{"\x01\x00\x00\x09\x04\x00\xf0\x00\x00\x96\x39\x84\x35", 13});
  auto give_up = std::chrono::steady_clock::now() + 10s;
  bool open = true;
  while (open && std::chrono::steady_clock::now() < give_up) {
    open = c.send_some("x").has_value();
    f.on_thread([] {});
  }
  CHECK_FALSE(open);
}

} // namespace callboard::test::producer_session_test
