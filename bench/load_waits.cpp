// How late: waking a waiting poll, retries that fall due; and what idle ones
// cost.
#include "bench/load.hpp"
#include "bench/options.hpp"

#include <boost/asio/steady_timer.hpp>

#include <deque>

namespace callboard::bench {

using namespace std::chrono_literals;

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

int lateness(const load_target& target, int argc, char** argv) {
  auto pending = number(argc, argv, "pending", 10'000);
  auto delay = number(argc, argv, "delay_ms", 5'000);
  auto stream = target.name + "l";
  fill(target, stream, pending, 64);
  create_group(target, stream, R"({"messageTimeoutMilliseconds":600000})");
  auto group = "/subscriptions/" + stream + "/g";
  auto fetch = request("GET", group + "/100");
  auto poll = request("GET", group + "/100", "ES-LongPoll: 30\r\n");
  boost::asio::io_context io{1};
  connection one{io, target.port};
  std::deque<std::pair<std::uint64_t, bench_clock::time_point>> due; // + delay
  std::uint64_t nacked = 0;
  std::uint64_t back = 0;
  std::uint64_t asked = 0;
  latencies late;
  auto memory = rss_mb(target.pid);

  enum { fetching, nacking, waiting, acking } phase = fetching;

  one.on_reply = [&](const http_reply& reply) {
    auto now = bench_clock::now();
    std::size_t count = 0;
    auto ids = std::string{ack_ids(reply.body, count)};
    switch (phase) {
      case fetching:
        if (count == 0) {
          phase = waiting;
          return one.send(poll);
        }
        phase = nacking;
        asked = count;
        return one.send(request("POST", group + "/nack?ids=" + ids + "&delay="
                                          + std::to_string(delay) + "ms"));
      case nacking:
        nacked += asked;
        due.emplace_back(asked, now + std::chrono::milliseconds{delay});
        phase = nacked >= pending ? waiting : fetching;
        return one.send(phase == waiting ? poll : fetch);
      case waiting:
        back += count;
        for (auto left = count; left > 0 && !due.empty();) {
          auto some = std::min<std::uint64_t>(left, due.front().first);
          for (std::uint64_t i = 0; i < some; ++i)
            late.add(
              std::max(now - due.front().second, bench_clock::duration{0}));
          left -= some;
          due.front().first -= some;
          if (due.front().first == 0)
            due.pop_front();
        }
        if (back >= nacked)
          return io.stop();
        phase = acking;
        return one.send(request("POST", group + "/ack?ids=" + ids));
      case acking: phase = waiting; return one.send(poll);
    }
  };
  one.send(fetch);
  io.run_for(300s);
  std::printf("late: %llu retries after %u ms, lateness p50 %.2f p99 %.2f ms, "
              "memory %.0f -> %.0f MB\n",
              static_cast<unsigned long long>(back), delay, late.ms(0.5),
              late.ms(0.99), memory, rss_mb(target.pid));
  return back >= nacked ? 0 : 1;
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
