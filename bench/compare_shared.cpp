// What the scenarios of the comparison share.
#include "bench/compare.hpp"

#include <dirent.h>
#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace callboard::bench {

using namespace std::chrono_literals;

namespace {

struct process {
  long parent = 0;
  double cpu = 0; // ended children's too
  double mb = 0;
};

process read_process(long pid) {
  process out;
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(in, text);
  auto name_end = text.rfind(')');
  std::array<unsigned long, 4> ticks{};
  if (name_end == std::string::npos
      || std::sscanf(text.c_str() + name_end + 1,
                     " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu "
                     "%lu",
                     &out.parent, &ticks[0], &ticks[1], &ticks[2], &ticks[3])
           != 5)
    return {};
  for (auto n : ticks)
    out.cpu += double(n) / double(sysconf(_SC_CLK_TCK));
  out.mb = rss_mb(pid);
  return out;
}

/// A process and all its descendants as one.
process whole(long pid) {
  std::map<long, process> all;
  if (auto* folder = opendir("/proc")) {
    while (auto* entry = readdir(folder))
      if (auto id = std::strtol(entry->d_name, nullptr, 10); id > 0)
        all[id] = read_process(id);
    closedir(folder);
  }
  process sum;
  for (auto& [id, one] : all) {
    auto up = id;
    while (up != pid && all.contains(up))
      up = all[up].parent;
    if (up != pid)
      continue;
    sum.cpu += one.cpu;
    sum.mb += one.mb;
  }
  return sum;
}

double own_cpu() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return double(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
         + double(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

} // namespace

std::unique_ptr<peer> make_peer(const compare_target& target) {
  if (target.kind == "redis")
    return make_redis(target.settings);
  if (target.kind == "beanstalkd")
    return make_beanstalkd(target.settings);
  if (target.kind == "nats")
    return make_nats(target.settings);
  if (target.kind == "rabbitmq")
    return make_rabbitmq(target.settings);
  if (target.kind == "callboard" || target.kind == "callboard-get-ack")
    return make_callboard(target.settings, target.kind == "callboard");
  refused("no such broker", target.kind);
}

std::vector<peer*> connect(event_loop& loop, const compare_target& target,
                           unsigned count) {
  std::vector<peer*> all;
  unsigned ready = 0;
  for (unsigned i = 0; i < count; ++i) {
    auto& one = loop.add(make_peer(target), target.port);
    one.on_ready = [&] {
      if (++ready == count)
        loop.stop();
    };
    all.push_back(&one);
    one.open();
  }
  if (ready < count)
    loop.run_for(60s);
  if (ready < count)
    refused("not ready after a minute", target.kind);
  for (auto* one : all)
    one->on_ready = nullptr;
  return all;
}

void prepare(const compare_target& target) {
  event_loop loop;
  auto* one = connect(loop, target, 1).front();
  bool ready = false;
  one->on_ready = [&] {
    ready = true;
    loop.stop();
  };
  one->prepare();
  if (!ready)
    loop.run_for(60s);
  if (!ready)
    refused("not prepared after a minute", target.kind);
}

costs::costs(long pid)
    : client_cpu(-own_cpu()), server_cpu(-whole(pid).cpu), pid_(pid),
      begun_(bench_clock::now()) {}

void costs::end() {
  seconds = std::chrono::duration<double>(bench_clock::now() - begun_).count();
  client_cpu += own_cpu();
  server_cpu += whole(pid_).cpu;
}

std::string costs::text(double messages, long pid) const {
  std::array<char, 300> out;
  auto each = messages > 0 ? 1e6 / messages : 0;
  std::snprintf(out.data(), out.size(),
                R"("rate": %.1f, "seconds": %.2f, "server_us": %.2f, )"
                R"("client_us": %.2f, "client_share": %.2f, "rss_mb": %.0f})",
                messages / seconds, seconds, server_cpu * each,
                client_cpu * each, client_cpu / seconds, whole(pid).mb);
  return out.data();
}

std::int64_t stamp_of(bench_clock::time_point at) {
  return at.time_since_epoch() / 1ns;
}

publishers::publishers(event_loop& loop, const compare_target& target,
                       unsigned connections, unsigned batch)
    : loop_(loop), batch_(batch) {
  for (auto* to : connect(loop, target, connections)) {
    auto& one = slots_.emplace_back();
    one.to = to;
    to->on_confirmed = [this, &one](unsigned count) {
      on_confirmed(one, count);
    };
  }
}

void publishers::start(double rate, std::uint64_t most) {
  rate_ = rate;
  most_ = most;
  begun_ = bench_clock::now();
  for (auto& one : slots_)
    if (rate > 0)
      free_.push_back(&one);
    else if (sent < most_)
      send(one, bench_clock::now());
  if (rate > 0)
    tick();
}

void publishers::send(slot& one, bench_clock::time_point meant) {
  one.pending = batch_;
  one.meant = meant;
  sent += batch_;
  one.to->publish(batch_, stamp_of(meant));
}

void publishers::on_confirmed(slot& one, unsigned count) {
  confirmed += count;
  one.pending -= count;
  if (one.pending > 0)
    return;
  auto now = bench_clock::now();
  took.add(now - one.meant);
  if (!due_.empty()) {
    send(one, due_.front());
    return due_.pop_front();
  }
  if (sent >= most_) {
    if (confirmed >= sent && on_done)
      on_done();
    return;
  }
  if (rate_ > 0)
    free_.push_back(&one);
  else
    send(one, now);
}

void publishers::tick() {
  auto at = [this] {
    return begun_
           + std::chrono::nanoseconds{
             std::int64_t(double(ticks_) * 1e9 / rate_)};
  };
  auto now = bench_clock::now();
  for (; at() <= now; ++ticks_) {
    if (sent + due_.size() * batch_ >= most_)
      return;
    if (free_.empty()) {
      due_.push_back(at());
      continue;
    }
    send(*free_.back(), at());
    free_.pop_back();
  }
  loop_.flush();
  loop_.call_at(at(), [this] { tick(); });
}

} // namespace callboard::bench
