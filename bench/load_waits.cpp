// How late: waking a waiting poll, retries that fall due; and what idle ones
// cost.
#include "bench/load.hpp"
#include "bench/options.hpp"

#include <boost/asio/steady_timer.hpp>

#include <unordered_map>
#include <utility>

namespace callboard::bench {

using namespace std::chrono_literals;

namespace {

std::vector<std::string> split(const std::string& ids) {
  std::vector<std::string> out{{}};
  for (char c : ids)
    if (c == ',')
      out.emplace_back();
    else
      out.back() += c;
  return out;
}

} // namespace

int wake(const load_target& target, int argc, char** argv) {
  auto rounds = number(argc, argv, "rounds", 500);
  auto stream = target.name + "w";
  create_group(target, stream, "{}");
  auto group = "/subscriptions/" + stream + "/g";
  auto poll = request("GET", group + "/1", "ES-LongPoll: 30\r\n");
  boost::asio::io_context io{1};
  connection waiting{io, target.port};
  connection publisher{io, target.port};
  boost::asio::steady_timer pause{io};
  bench_clock::time_point published{};
  bench_clock::time_point delivered{};
  latencies late;
  auto data = payload(1024);
  bool acking = false;
  auto both = [&] {
    if (published == bench_clock::time_point{}
        || delivered == bench_clock::time_point{})
      return;
    late.add(std::max(delivered - published, bench_clock::duration{0}));
    published = delivered = {};
  };
  auto round = [&] {
    pause.expires_after(2ms); // the poll is waiting by then
    pause.async_wait([&](boost::system::error_code) {
      publisher.send(publish_request(stream, data, 1));
    });
  };
  publisher.on_reply = [&](const http_reply&) {
    published = bench_clock::now();
    both();
  };
  waiting.on_reply = [&](const http_reply& reply) {
    if (!acking) {
      delivered = bench_clock::now();
      both();
      std::size_t count = 0;
      auto ids = std::string{ack_ids(reply.body, count)};
      acking = true;
      return waiting.send(request("POST", group + "/ack?ids=" + ids));
    }
    acking = false;
    if (late.size() >= rounds)
      return io.stop();
    waiting.send(poll);
    round();
  };
  waiting.send(poll);
  round();
  io.run_for(120s);
  std::printf("wake: publish's 201 to delivery p50 %.2f p99 %.2f ms, %zu "
              "rounds\n",
              late.ms(0.5), late.ms(0.99), late.size());
  return late.size() >= rounds ? 0 : 1;
}

namespace {

/// Nacks everything, ten at a time, so that ten events fall due every
/// `ten_every` from `first_due` on.
class postponer {
public:
  postponer(boost::asio::io_context& io, const load_target& target,
            std::string group, bench_clock::duration wait,
            bench_clock::duration ten_every)
      : group_(std::move(group)), next_due_(bench_clock::now() + wait),
        ten_every_(ten_every), one_(io, target.port) {
    one_.on_reply = [this](const http_reply& reply) { on_reply(reply); };
    one_.send(request("GET", group_ + "/10"));
  }

  /// When each id falls due; complete once `done`.
  std::unordered_map<std::string, bench_clock::time_point> due;
  std::function<void()> done;

private:
  void on_reply(const http_reply& reply) {
    if (std::exchange(nacking_, false))
      return one_.send(request("GET", group_ + "/10"));
    std::size_t count = 0;
    auto ids = std::string{ack_ids(reply.body, count)};
    if (count == 0)
      return done();
    auto delay =
      std::max(next_due_ - bench_clock::now(), bench_clock::duration{1ms})
      / 1ms;
    for (auto& id : split(ids))
      due[id] = bench_clock::now() + std::chrono::milliseconds{delay};
    next_due_ += ten_every_;
    nacking_ = true;
    one_.send(request("POST", group_ + "/nack?ids=" + ids
                                + "&delay=" + std::to_string(delay) + "ms"));
  }

  std::string group_;
  bench_clock::time_point next_due_;
  bench_clock::duration ten_every_;
  bool nacking_ = false;
  connection one_;
};

} // namespace

int lateness(const load_target& target, int argc, char** argv) {
  auto pending = number(argc, argv, "pending", 10'000);
  auto rate = number(argc, argv, "rate", 5'000); // falling due a second
  auto consumers = number(argc, argv, "consumers", 16);
  auto stream = target.name + "l";
  fill(target, stream, pending, 64);
  create_group(target, stream, R"({"messageTimeoutMilliseconds":600000})");
  auto group = "/subscriptions/" + stream + "/g";
  auto poll = request("GET", group + "/20", "ES-LongPoll: 30\r\n");
  boost::asio::io_context io{1};
  postponer later{io, target, group, std::chrono::seconds{2 + pending / 5'000},
                  std::chrono::duration_cast<bench_clock::duration>(10s)
                    / rate};
  std::vector<std::unique_ptr<connection>> waiting;
  latencies late;
  auto memory = rss_mb(target.pid);
  auto on_delivery = [&](connection& consumer, const http_reply& reply) {
    auto now = bench_clock::now();
    std::size_t count = 0;
    auto ids = std::string{ack_ids(reply.body, count)};
    if (count == 0) // the answer to an ack, or the end of a wait
      return consumer.send(poll);
    for (auto& id : split(ids))
      late.add(std::max(now - later.due[id], bench_clock::duration{0}));
    if (late.size() >= pending)
      return io.stop();
    consumer.send(request("POST", group + "/ack?ids=" + ids));
  };
  later.done = [&] {
    for (unsigned i = 0; i < consumers; ++i) {
      auto& consumer =
        *waiting.emplace_back(std::make_unique<connection>(io, target.port));
      consumer.on_reply = [&](const http_reply& reply) {
        on_delivery(consumer, reply);
      };
      consumer.send(poll);
    }
  };
  io.run_for(300s);
  std::printf("late: %zu retries, %u a second falling due, %u consumers: "
              "lateness p50 %.2f p99 %.2f ms, memory %.0f -> %.0f MB\n",
              late.size(), rate, consumers, late.ms(0.5), late.ms(0.99), memory,
              rss_mb(target.pid));
  return late.size() >= pending ? 0 : 1;
}

int idle(const load_target& target, int argc, char** argv) {
  auto connections = number(argc, argv, "connections", 1000);
  auto before = rss_mb(target.pid);
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  for (unsigned i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<connection>(io, target.port));
    all.back()->on_reply = [](const http_reply&) {};
    all.back()->send(request("GET", "/ping"));
  }
  io.run_for(5s);
  std::printf("idle: %u connections take %.1f KB each in the server, %.1f MB "
              "resident without them\n",
              connections, (rss_mb(target.pid) - before) * 1000 / connections,
              before);
  return 0;
}

} // namespace callboard::bench
