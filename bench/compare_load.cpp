// Loads one broker of those that are compared: one scenario, one line of JSON.
//
// bench_compare publish --peer=redis --port=N --pid=N --stream=NAME
//                       [--connections=64] [--batch=1] [--seconds=4]
//                       [--count=0: so many, instead of for so long]
// bench_compare consume … --group=NAME [--consumers=8] [--fetch=20]
//                       [--backlog=200000] [--seconds=4]
// bench_compare flow    … [--connections=64] [--consumers=8] [--rate=0]
// bench_compare delayed … [--pending=100000] [--count=10000] [--rate=2000]
//                       [--delay=8]
//
// Peers: redis beanstalkd nats rabbitmq callboard callboard-get-ack. The same
// loop, connections and messages for all of them; each connection has one
// request (a batch of `batch` messages) under way, and each consumer `fetch`
// messages (RabbitMQ twice as many, which it pushes). publish: a closed loop.
// consume: what is in the stream. flow: both, each message with the moment it
// was meant to be sent, whose distance to its receipt counts. delayed: so many
// wait for a day, others for `delay` seconds: how late those come.
#include "bench/compare.hpp"
#include "bench/options.hpp"

#include <cstdio>
#include <random>

using namespace callboard::bench;

int main(int argc, char** argv) {
  char run[9];
  std::snprintf(run, sizeof run, "%08x", std::random_device{}());
  compare_target target;
  target.kind = option(argc, argv, "peer", "callboard");
  target.port = std::uint16_t(number(argc, argv, "port", 0));
  target.pid = long(number(argc, argv, "pid", 0));
  auto& settings = target.settings;
  settings.run = run;
  settings.stream = option(argc, argv, "stream", "s-" + settings.run);
  settings.group = option(argc, argv, "group", "g-" + settings.run);
  settings.bytes = number(argc, argv, "bytes", 1024);
  settings.fetch = number(argc, argv, "fetch", 20);
  std::string what = argc > 1 ? argv[1] : "";
  settings.eager = what == "flow" || what == "delayed";
  if (what == "publish")
    return compare_publish(target, argc, argv);
  if (what == "consume")
    return compare_consume(target, argc, argv);
  if (what == "flow")
    return compare_flow(target, argc, argv);
  if (what == "delayed")
    return compare_delayed(target, argc, argv);
  std::fprintf(stderr,
               "bench_compare publish|consume|flow|delayed --peer=NAME "
               "--port=N --pid=N; the first lines of bench/compare_load.cpp "
               "tell more\n");
  return 2;
}
