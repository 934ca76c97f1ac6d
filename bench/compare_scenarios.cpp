// What is compared: publishing, consuming a backlog, both at once, and later.
#include "bench/compare.hpp"
#include "bench/options.hpp"

#include <cstdio>
#include <limits>

namespace callboard::bench {

using namespace std::chrono_literals;

namespace {

constexpr auto no_end = std::numeric_limits<std::uint64_t>::max();

void print(const std::string& scenario, const std::string& more) {
  std::printf("{\"scenario\": \"%s\", %s\n", scenario.c_str(), more.c_str());
}

std::string milliseconds(latencies& took) {
  std::string out = "\"count\": " + std::to_string(took.size());
  for (auto [name, share] : {std::pair{"p50", 0.5}, {"p99", 0.99}})
    out += std::string{", \""} + name + "\": " + std::to_string(took.ms(share));
  return out + ", ";
}

/// A longer backlog is cut short: the rate is known by then.
bench_clock::duration seconds(int argc, char** argv, unsigned otherwise) {
  return std::chrono::seconds{number(argc, argv, "seconds", otherwise)};
}

} // namespace

int compare_publish(const compare_target& target, int argc, char** argv) {
  auto count = number(argc, argv, "count", 0);
  auto batch = number(argc, argv, "batch", 1);
  prepare(target);
  event_loop loop;
  publishers all{loop, target, number(argc, argv, "connections", 64), batch};
  all.on_done = [&] { loop.stop(); };
  all.start(0, count > 0 ? count : no_end);
  if (count == 0)
    loop.run_for(1s); // warm-up
  auto before = all.confirmed;
  all.took = {};
  costs spent{target.pid};
  loop.run_for(seconds(argc, argv, 4));
  spent.end();
  auto done = double(all.confirmed - before);
  print("publish", milliseconds(all.took)
                     + "\"confirmed\": " + std::to_string(all.confirmed) + ", "
                     + spent.text(done, target.pid));
  return done > 0 ? 0 : 1;
}

int compare_consume(const compare_target& target, int argc, char** argv) {
  auto backlog = number(argc, argv, "backlog", 200'000);
  prepare(target);
  event_loop loop;
  std::uint64_t settled = 0;
  for (auto* one : connect(loop, target, number(argc, argv, "consumers", 8))) {
    one->on_delivered = [](std::int64_t) {};
    one->on_settled = [&](unsigned count) {
      settled += count;
      if (settled >= backlog)
        loop.stop();
    };
    one->consume();
  }
  costs spent{target.pid};
  loop.run_for(seconds(argc, argv, 4));
  spent.end();
  print("consume", "\"settled\": " + std::to_string(settled) + ", "
                     + spent.text(double(settled), target.pid));
  return settled > 0 ? 0 : 1;
}

int compare_flow(const compare_target& target, int argc, char** argv) {
  auto rate = number(argc, argv, "rate", 0);
  prepare(target);
  event_loop loop;
  latencies took;
  std::uint64_t delivered = 0;
  std::uint64_t settled = 0;
  auto from = no_end; // only what was meant for later counts
  for (auto* one : connect(loop, target, number(argc, argv, "consumers", 8))) {
    one->on_delivered = [&](std::int64_t stamp) {
      ++delivered;
      if (std::uint64_t(stamp) >= from)
        took.add(bench_clock::now().time_since_epoch()
                 - std::chrono::nanoseconds{stamp});
    };
    one->on_settled = [&](unsigned count) { settled += count; };
    one->consume();
  }
  publishers all{loop, target, number(argc, argv, "connections", 64), 1};
  all.start(rate, no_end);
  loop.run_for(1s); // warm-up
  from = std::uint64_t(stamp_of(bench_clock::now()));
  auto before = settled;
  costs spent{target.pid};
  loop.run_for(seconds(argc, argv, 4));
  spent.end();
  auto done = double(settled - before);
  auto backlog = all.confirmed - std::min(all.confirmed, delivered);
  // what is under way arrives, so that what does not is seen
  all.stop();
  auto until = bench_clock::now() + 10s;
  while (rate > 0 && bench_clock::now() < until
         && (all.confirmed < all.sent || delivered < all.confirmed))
    loop.run_for(20ms);
  auto missing = std::int64_t(all.confirmed) - std::int64_t(delivered);
  print("flow", milliseconds(took) + "\"backlog\": " + std::to_string(backlog)
                  + ", \"missing\": " + std::to_string(rate > 0 ? missing : 0)
                  + ", " + spent.text(done, target.pid));
  return done > 0 ? 0 : 1;
}

int compare_delayed(const compare_target& target, int argc, char** argv) {
  auto pending = number(argc, argv, "pending", 100'000);
  auto count = number(argc, argv, "count", 10'000);
  auto rate = number(argc, argv, "rate", 2'000);
  auto wait = number(argc, argv, "delay", 8);
  auto later = target;
  later.settings.delay_seconds = 24 * 3600;
  prepare(later);
  {
    event_loop loop;
    publishers fill{loop, later, 16, 10};
    fill.on_done = [&] { loop.stop(); };
    fill.start(0, pending);
    if (pending > 0)
      loop.run_for(seconds(argc, argv, 300));
    if (fill.confirmed < pending)
      refused("too slow to make so many pending",
              std::to_string(fill.confirmed));
  }
  auto soon = target;
  soon.settings.delay_seconds = wait;
  prepare(soon);
  event_loop loop;
  latencies late;
  for (auto* one : connect(loop, target, number(argc, argv, "consumers", 8))) {
    one->on_delivered = [&](std::int64_t stamp) {
      auto due = bench_clock::time_point{std::chrono::nanoseconds{stamp}}
                 + std::chrono::seconds{wait};
      late.add(std::max(bench_clock::now() - due, bench_clock::duration{0}));
      if (late.size() >= count)
        loop.stop();
    };
    one->on_settled = [](unsigned) {};
    one->consume();
  }
  publishers all{loop, soon, number(argc, argv, "connections", 64), 1};
  costs spent{target.pid};
  all.start(rate, count);
  loop.run_for(std::chrono::seconds{wait + count / rate + 30});
  spent.end();
  print("delayed",
        milliseconds(late) + spent.text(double(late.size()), target.pid));
  return late.size() >= count ? 0 : 1;
}

} // namespace callboard::bench
