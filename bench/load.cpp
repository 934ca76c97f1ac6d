// Loads a running broker: one scenario, one line.
//
//   load publish  --port=2113 --pid=N [--connections=64] [--batch=1]
//   [--bytes=1024] [--seconds=5] [--rate=0] [--streams=64] load consume
//   --port=2113 --pid=N [--events=200000] [--count=20] [--consumers=8] load
//   wake     --port=2113 --pid=N [--rounds=500] load late     --port=2113
//   --pid=N [--pending=10000] [--delay_ms=5000] load idle     --port=2113
//   --pid=N [--connections=1000]
//
// publish: a closed loop, or with --rate an open one: latencies count from the
// time a request was meant to be sent. consume: fills a stream, then consumers
// read (embed=body) and ack in turns until all is settled. wake: from the
// publish's 201 to the delivery to a waiting poll. late: events are nacked with
// a delay; how much later than promised they are delivered. Bounded in time.
#include "bench/http_load.hpp"
#include "bench/options.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstdlib>
#include <deque>
#include <random>

using namespace callboard::bench;
using namespace std::chrono_literals;

namespace {

struct settings {
  std::uint16_t port = 2113;
  long pid = 0;
  std::string name; // of streams, new in each run
};

std::string new_id() {
  static std::mt19937_64 random{std::random_device{}()};
  char text[40];
  auto high = random();
  auto low = random();
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-8%03x-%012llx",
                unsigned(high >> 32), unsigned(high >> 16) & 0xffff,
                unsigned(high) & 0xfff, unsigned(low >> 52),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text;
}

std::string payload(std::size_t bytes) {
  return R"({"data":")" + std::string(bytes > 11 ? bytes - 11 : 0, 'x') + "\"}";
}

std::string publish_request(const std::string& stream, const std::string& data,
                            unsigned batch) {
  std::string head = "POST /streams/" + stream + " HTTP/1.1\r\nHost: bench\r\n";
  std::string body;
  if (batch == 1) {
    body = data;
    head += "Content-Type: application/json\r\nES-EventType: t\r\nES-EventId: "
            + new_id() + "\r\n";
  } else {
    head += "Content-Type: application/vnd.eventstore.events+json\r\n";
    for (unsigned i = 0; i < batch; ++i)
      body += (i == 0 ? "[" : ",") + std::string{R"({"eventId":")"} + new_id()
              + R"(","eventType":"t","data":)" + data + "}";
    body += "]";
  }
  return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n"
         + body;
}

std::string request(const char* verb, const std::string& path,
                    const std::string& more = {},
                    const std::string& body = {}) {
  // admin:changeit
  return std::string{verb} + " " + path
         + " HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic "
           "YWRtaW46Y2hhbmdlaXQ=\r\nAccept: */*\r\n"
         + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n"
         + body;
}

/// One request, waiting for its answer.
http_reply ask(const settings& s, const std::string& bytes, std::string& keep) {
  boost::asio::io_context io;
  connection one{io, s.port};
  http_reply out;
  one.on_reply = [&](const http_reply& reply) {
    keep = std::string{reply.body};
    out = reply;
    out.body = keep;
  };
  one.send(bytes);
  io.run_for(30s);
  return out;
}

void create_group(const settings& s, const std::string& stream,
                  const std::string& body) {
  std::string keep;
  auto reply = ask(s,
                   request("PUT", "/subscriptions/" + stream + "/g",
                           "Content-Type: application/json\r\n", body),
                   keep);
  if (reply.status != 201)
    std::fprintf(stderr, "create: %u %s\n", reply.status, keep.c_str());
}

/// Publishes until `events` are there; returns how many got a 201.
std::uint64_t fill(const settings& s, const std::string& stream,
                   std::uint64_t events, std::size_t bytes) {
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  auto data = payload(bytes);
  auto next = [&](connection& one) {
    if (sent >= events)
      return;
    sent += 100;
    one.send(publish_request(stream, data, 100));
  };
  for (int i = 0; i < 8; ++i) {
    all.push_back(std::make_unique<connection>(io, s.port));
    auto* one = all.back().get();
    one->on_reply = [&, one](const http_reply& reply) {
      if (reply.status == 201)
        done += 100;
      next(*one);
    };
    next(*one);
  }
  io.run_for(300s);
  return done;
}

int publish(const settings& s, int argc, char** argv) {
  auto connections = number(argc, argv, "connections", 64);
  auto batch = number(argc, argv, "batch", 1);
  auto seconds = number(argc, argv, "seconds", 5);
  auto rate = number(argc, argv, "rate", 0);
  auto streams = number(argc, argv, "streams", 64);
  auto data = payload(number(argc, argv, "bytes", 1024));
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  latencies took;
  std::uint64_t answers = 0;
  std::uint64_t failures = 0;
  std::uint64_t sequence = 0;
  bool counting = false;
  std::deque<bench_clock::time_point> due; // open loop: meant to be sent then
  std::vector<connection*> free_ones;
  auto send = [&](connection& one, bench_clock::time_point meant) {
    one.send(publish_request(s.name + std::to_string(sequence++ % streams),
                             data, batch));
    one.sent = meant;
  };
  for (unsigned i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<connection>(io, s.port));
    auto* one = all.back().get();
    one->on_reply = [&, one](const http_reply& reply) {
      auto now = bench_clock::now();
      if (counting) {
        ++(reply.status == 201 ? answers : failures);
        took.add(now - one->sent);
      }
      if (rate == 0)
        return send(*one, now);
      if (due.empty())
        return free_ones.push_back(one);
      send(*one, due.front());
      due.pop_front();
    };
    if (rate == 0)
      send(*one, bench_clock::now());
    else
      free_ones.push_back(one);
  }
  boost::asio::steady_timer pace{io};
  auto start = bench_clock::now();
  std::uint64_t meant = 0;
  std::function<void()> tick = [&] {
    pace.expires_after(500us);
    pace.async_wait([&](boost::system::error_code ec) {
      if (ec)
        return;
      auto now = bench_clock::now();
      for (;; ++meant) {
        auto at =
          start + std::chrono::nanoseconds{1'000'000'000 / rate * meant};
        if (at > now)
          break;
        if (free_ones.empty()) {
          due.push_back(at);
          continue;
        }
        auto* one = free_ones.back();
        free_ones.pop_back();
        send(*one, at);
      }
      tick();
    });
  };
  if (rate > 0)
    tick();
  io.run_for(1s); // warm-up
  counting = true;
  auto cpu = cpu_seconds(s.pid);
  auto begun = bench_clock::now();
  io.run_for(std::chrono::seconds{seconds});
  auto spent =
    std::chrono::duration<double>(bench_clock::now() - begun).count();
  cpu = cpu_seconds(s.pid) - cpu;
  auto events = double(answers) * batch;
  std::printf("publish connections=%u batch=%u rate=%u: %.0f requests/s, %.0f "
              "events/s, p50 %.2f p99 %.2f p99.9 %.2f ms, server cpu %.1f "
              "s/million, %llu failures\n",
              connections, batch, rate, double(answers) / spent, events / spent,
              took.ms(0.5), took.ms(0.99), took.ms(0.999), cpu / events * 1e6,
              static_cast<unsigned long long>(failures));
  return failures == 0 && answers > 0 ? 0 : 1;
}

/// The ids of a competing feed, out of its ackAll link.
std::string_view ack_ids(std::string_view body, std::size_t& count) {
  auto at = body.find("/ack?ids=");
  count = 0;
  if (at == std::string_view::npos)
    return {};
  auto ids = body.substr(at + 9, body.find('"', at) - at - 9);
  count = std::size_t(std::count(ids.begin(), ids.end(), ',')) + 1;
  return ids;
}

int consume(const settings& s, int argc, char** argv) {
  auto events = number(argc, argv, "events", 200'000);
  auto count = number(argc, argv, "count", 20);
  auto consumers = number(argc, argv, "consumers", 8);
  auto bytes = number(argc, argv, "bytes", 1024);
  auto stream = s.name + "c";
  auto stored = fill(s, stream, events, bytes);
  create_group(s, stream, R"({"messageTimeoutMilliseconds":60000})");
  auto group = "/subscriptions/" + stream + "/g";
  auto fetch =
    request("GET", group + "/" + std::to_string(count) + "?embed=body");
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  std::uint64_t settled = 0;
  latencies round;
  for (unsigned i = 0; i < consumers; ++i) {
    all.push_back(std::make_unique<connection>(io, s.port));
    auto* one = all.back().get();
    auto taken = std::make_shared<std::size_t>(0);
    auto begun = std::make_shared<bench_clock::time_point>();
    one->on_reply = [&, one, taken, begun](const http_reply& reply) {
      if (*taken > 0) { // that was an ack
        settled += reply.status == 202 ? *taken : 0;
        *taken = 0;
        round.add(bench_clock::now() - *begun);
        if (settled >= stored)
          return io.stop();
        *begun = bench_clock::now();
        return one->send(fetch);
      }
      auto ids = std::string{ack_ids(reply.body, *taken)};
      if (*taken == 0)
        return one->send(fetch); // others have the rest
      one->send(request("POST", group + "/ack?ids=" + ids));
    };
    *begun = bench_clock::now();
    one->send(fetch);
  }
  auto cpu = cpu_seconds(s.pid);
  auto begun = bench_clock::now();
  io.run_for(300s);
  auto spent =
    std::chrono::duration<double>(bench_clock::now() - begun).count();
  cpu = cpu_seconds(s.pid) - cpu;
  std::printf("consume count=%u consumers=%u: %.0f events/s settled of %llu, "
              "round p50 %.2f p99 %.2f ms, server cpu %.1f s/million\n",
              count, consumers, double(settled) / spent,
              static_cast<unsigned long long>(stored), round.ms(0.5),
              round.ms(0.99), cpu / double(settled) * 1e6);
  return settled >= stored ? 0 : 1;
}

int wake(const settings& s, int argc, char** argv) {
  auto rounds = number(argc, argv, "rounds", 500);
  auto stream = s.name + "w";
  create_group(s, stream, "{}");
  auto group = "/subscriptions/" + stream + "/g";
  auto poll = request("GET", group + "/1", "ES-LongPoll: 30\r\n");
  boost::asio::io_context io{1};
  connection waiting{io, s.port};
  connection publisher{io, s.port};
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

int lateness(const settings& s, int argc, char** argv) {
  auto pending = number(argc, argv, "pending", 10'000);
  auto delay = number(argc, argv, "delay_ms", 5'000);
  auto stream = s.name + "l";
  fill(s, stream, pending, 64);
  create_group(s, stream, R"({"messageTimeoutMilliseconds":600000})");
  auto group = "/subscriptions/" + stream + "/g";
  auto fetch = request("GET", group + "/100");
  auto poll = request("GET", group + "/100", "ES-LongPoll: 30\r\n");
  boost::asio::io_context io{1};
  connection one{io, s.port};
  std::deque<std::pair<std::uint64_t, bench_clock::time_point>> due; // + delay
  std::uint64_t nacked = 0;
  std::uint64_t back = 0;
  std::uint64_t asked = 0;
  latencies late;
  auto memory = rss_mb(s.pid);

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
              late.ms(0.99), memory, rss_mb(s.pid));
  return back >= nacked ? 0 : 1;
}

int idle(const settings& s, int argc, char** argv) {
  auto connections = number(argc, argv, "connections", 1000);
  auto before = rss_mb(s.pid);
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  for (unsigned i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<connection>(io, s.port));
    all.back()->on_reply = [](const http_reply&) {};
    all.back()->send(request("GET", "/ping"));
  }
  io.run_for(5s);
  std::printf("idle: %u connections take %.1f KB each in the server, %.1f MB "
              "resident without them\n",
              connections, (rss_mb(s.pid) - before) * 1000 / connections,
              before);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  s.port = std::uint16_t(number(argc, argv, "port", 2113));
  s.pid = long(number(argc, argv, "pid", 0));
  s.name = "load-" + new_id().substr(0, 8) + "-";
  std::string what = argc > 1 ? argv[1] : "";
  if (what == "publish")
    return publish(s, argc, argv);
  if (what == "consume")
    return consume(s, argc, argv);
  if (what == "wake")
    return wake(s, argc, argv);
  if (what == "late")
    return lateness(s, argc, argv);
  if (what == "idle")
    return idle(s, argc, argv);
  std::fprintf(stderr, "load publish|consume|wake|late|idle --port=N --pid=N; "
                       "the first lines of bench/load.cpp tell more\n");
  return 2;
}
