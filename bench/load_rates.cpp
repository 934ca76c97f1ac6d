// How many: publishing in a closed or an open loop, reading and acking a
// backlog.
#include "bench/load.hpp"
#include "bench/options.hpp"

#include <boost/asio/steady_timer.hpp>

#include <deque>

namespace callboard::bench {

using namespace std::chrono_literals;

int publish(const load_target& target, int argc, char** argv) {
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
    one.send(publish_request(target.name + std::to_string(sequence++ % streams),
                             data, batch));
    one.sent = meant;
  };
  for (unsigned i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<connection>(io, target.port));
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
  auto cpu = cpu_seconds(target.pid);
  auto begun = bench_clock::now();
  io.run_for(std::chrono::seconds{seconds});
  auto spent =
    std::chrono::duration<double>(bench_clock::now() - begun).count();
  cpu = cpu_seconds(target.pid) - cpu;
  auto events = double(answers) * batch;
  std::printf("publish connections=%u batch=%u rate=%u: %.0f requests/s, %.0f "
              "events/s, p50 %.2f p99 %.2f p99.9 %.2f ms, server cpu %.1f "
              "s/million, %llu failures\n",
              connections, batch, rate, double(answers) / spent, events / spent,
              took.ms(0.5), took.ms(0.99), took.ms(0.999), cpu / events * 1e6,
              static_cast<unsigned long long>(failures));
  return failures == 0 && answers > 0 ? 0 : 1;
}

int store(const load_target& target, int argc, char** argv) {
  auto events = number(argc, argv, "events", 1'000'000);
  auto streams = number(argc, argv, "streams", 1);
  auto bytes = number(argc, argv, "bytes", 1024);
  auto kept = number(argc, argv, "max_count", 0);
  auto groups = number(argc, argv, "groups", 0);
  auto stream = option(argc, argv, "stream", target.name + "s");
  for (unsigned i = 0; kept > 0 && i < streams; ++i)
    set_metadata(target, stream + (streams == 1 ? "" : std::to_string(i)),
                 R"({"$maxCount":)" + std::to_string(kept) + "}");
  auto begun = bench_clock::now();
  auto stored = fill(target, stream, events, bytes, streams);
  auto spent =
    std::chrono::duration<double>(bench_clock::now() - begun).count();
  for (unsigned i = 0; i < groups; ++i)
    create_group(target, stream + std::to_string(i), "{}");
  std::printf("store streams=%u max_count=%u: %llu events in %.1f s, %.0f "
              "events/s, memory %.0f MB\n",
              streams, kept, static_cast<unsigned long long>(stored), spent,
              double(stored) / spent, rss_mb(target.pid));
  return stored >= events ? 0 : 1;
}

int consume(const load_target& target, int argc, char** argv) {
  auto events = number(argc, argv, "events", 200'000);
  auto count = number(argc, argv, "count", 20);
  auto consumers = number(argc, argv, "consumers", 8);
  auto bytes = number(argc, argv, "bytes", 1024);
  auto stream = target.name + "c";
  auto stored = fill(target, stream, events, bytes);
  create_group(target, stream, R"({"messageTimeoutMilliseconds":60000})");
  auto group = "/subscriptions/" + stream + "/g";
  auto fetch =
    request("GET", group + "/" + std::to_string(count) + "?embed=body");
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  std::uint64_t settled = 0;
  latencies round;
  for (unsigned i = 0; i < consumers; ++i) {
    all.push_back(std::make_unique<connection>(io, target.port));
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
  auto cpu = cpu_seconds(target.pid);
  auto begun = bench_clock::now();
  io.run_for(300s);
  auto spent =
    std::chrono::duration<double>(bench_clock::now() - begun).count();
  cpu = cpu_seconds(target.pid) - cpu;
  std::printf("consume count=%u consumers=%u: %.0f events/s settled of %llu, "
              "round p50 %.2f p99 %.2f ms, server cpu %.1f s/million\n",
              count, consumers, double(settled) / spent,
              static_cast<unsigned long long>(stored), round.ms(0.5),
              round.ms(0.99), cpu / double(settled) * 1e6);
  return settled >= stored ? 0 : 1;
}

int pages(const load_target& target, int argc, char** argv) {
  auto connections = number(argc, argv, "connections", 16);
  auto seconds = number(argc, argv, "seconds", 5);
  auto stream = target.name + "p";
  if (number(argc, argv, "fill", 1) != 0)
    fill(target, stream, 100, 1024);
  auto get = request(
    "GET",
    "/streams/" + stream
      + "/0/forward/100?embed=" + option(argc, argv, "embed", "body"),
    "Accept: "
      + option(argc, argv, "accept", "application/vnd.eventstore.atom+json")
      + "\r\n");
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  std::uint64_t answers = 0;
  std::size_t bytes = 0;
  auto before = cpu_seconds(target.pid);
  for (unsigned i = 0; i < connections; ++i) {
    auto* one =
      all.emplace_back(std::make_unique<connection>(io, target.port)).get();
    one->on_reply = [&, one](const http_reply& reply) {
      ++answers;
      bytes = reply.body.size();
      one->send(get);
    };
    one->send(get);
  }
  io.run_for(std::chrono::seconds{seconds});
  std::printf("pages: %.0f pages/s of %zu bytes, server cpu %.1f us a page\n",
              double(answers) / seconds, bytes,
              (cpu_seconds(target.pid) - before) * 1e6
                / double(std::max<std::uint64_t>(answers, 1)));
  return answers > 0 ? 0 : 1;
}

int deliveries(const load_target& target, int argc, char** argv) {
  constexpr unsigned reads_a_group = 100; // 10,000 may be in flight
  auto connections = number(argc, argv, "connections", 16);
  auto groups = number(argc, argv, "groups", 100);
  auto stream = target.name + "d";
  fill(target, stream, 10'000, 1024);
  for (unsigned i = 0; i < groups; ++i)
    create_group(target, stream, R"({"messageTimeoutMilliseconds":600000})",
                 std::to_string(i));
  auto accept = "Accept: "
                + option(argc, argv, "accept",
                         "application/vnd.eventstore.competingatom+json")
                + "\r\n";
  auto embed = option(argc, argv, "embed", "body");
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  unsigned asked = 0;
  unsigned answers = 0;
  unsigned failures = 0;
  std::size_t bytes = 0;
  // In turns, so that the groups' leases go to the disk side by side.
  auto ask = [&](connection& one) {
    if (asked == groups * reads_a_group)
      return;
    auto group = std::to_string(asked++ % groups);
    one.send(request(
      "GET", "/subscriptions/" + stream + "/" + group + "/100?embed=" + embed,
      accept));
  };
  auto before = cpu_seconds(target.pid);
  auto begun = bench_clock::now();
  for (unsigned i = 0; i < connections; ++i) {
    auto* one =
      all.emplace_back(std::make_unique<connection>(io, target.port)).get();
    one->on_reply = [&, one](const http_reply& reply) {
      ++answers;
      failures += reply.status == 200 ? 0 : 1;
      bytes += reply.body.size();
      if (answers == groups * reads_a_group)
        return io.stop();
      ask(*one);
    };
    ask(*one);
  }
  io.run_for(120s);
  auto spent =
    std::chrono::duration<double>(bench_clock::now() - begun).count();
  std::printf("deliveries: %.0f pages/s of %zu bytes, server cpu %.1f us a "
              "page, %u failures\n",
              answers / spent, bytes / std::max(answers, 1U),
              (cpu_seconds(target.pid) - before) * 1e6 / std::max(answers, 1U),
              failures);
  return failures == 0 && answers == groups * reads_a_group ? 0 : 1;
}

} // namespace callboard::bench
