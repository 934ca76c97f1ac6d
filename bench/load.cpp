// Loads a running broker: one scenario, one line.
//
// load publish --port=2113 --pid=N [--connections=64] [--batch=1]
//              [--bytes=1024] [--seconds=5] [--rate=0] [--streams=64]
// load consume --port=2113 --pid=N [--events=200000] [--count=20]
//              [--consumers=8] [--bytes=1024]
// load store   --port=2113 --pid=N [--events=1000000] [--streams=1]
//              [--bytes=1024] [--max_count=0] [--groups=0] [--stream=NAME]
// load wake    --port=2113 --pid=N [--rounds=500]
// load late    --port=2113 --pid=N [--pending=10000] [--delay_ms=5000]
// load idle    --port=2113 --pid=N [--connections=1000]
// load produce --port=9251 --pid=N [--connections=64] [--bytes=100]
//              [--seconds=4]
// load produce_binary --port=9254 --pid=N [--connections=4] [--records=100]
//              [--in_flight=8] [--bytes=100] [--seconds=4]
// load polls   --port=9252 --pid=N --binary_port=9254 [--messages=1000000]
//              [--bytes=100] [--accept=*/*]
// load receive --port=9251 --consumer_port=9252 [--rate=1000] [--seconds=4]
//
// publish: a closed loop, or with --rate an open one: latencies count from the
// time a request was meant to be sent. consume: fills a stream, then consumers
// read (embed=body) and ack in turns until all is settled. store: so many
// events in batches of 100, with a $maxCount, and groups on them. pages:
// reading 100 events of 1 KiB again and again (--accept, --embed). deliveries:
// groups (--groups) are read 100 events at a time, without an ack, until each
// has leased 10,000, the most that may be in flight; a lease is flushed. wake:
// from the publish's 201 to the delivery to a waiting poll. late: events are
// nacked with a delay; how much later than promised they are delivered.
// produce, produce_binary: closed loops, each connection with a key of its own.
// polls: one consumer reads what was produced, each poll commits the one
// before. receive: from the time a message was meant to be produced to its
// receipt by a waiting poll. Bounded in time.
#include "bench/load.hpp"

#include "bench/options.hpp"

#include <cstdio>

using namespace callboard::bench;

int main(int argc, char** argv) {
  load_target target;
  target.port = std::uint16_t(number(argc, argv, "port", 2113));
  target.pid = long(number(argc, argv, "pid", 0));
  target.name = "load-" + new_id().substr(0, 8) + "-";
  std::string what = argc > 1 ? argv[1] : "";
  if (what == "publish")
    return publish(target, argc, argv);
  if (what == "store")
    return store(target, argc, argv);
  if (what == "consume")
    return consume(target, argc, argv);
  if (what == "pages")
    return pages(target, argc, argv);
  if (what == "deliveries")
    return deliveries(target, argc, argv);
  if (what == "wake")
    return wake(target, argc, argv);
  if (what == "late")
    return lateness(target, argc, argv);
  if (what == "idle")
    return idle(target, argc, argv);
  if (what == "produce")
    return produce(target, argc, argv);
  if (what == "produce_binary")
    return produce_binary(target, argc, argv);
  if (what == "polls")
    return polls(target, argc, argv);
  if (what == "receive")
    return receive(target, argc, argv);
  std::fprintf(stderr,
               "load "
               "publish|store|consume|pages|deliveries|wake|late|idle|produce|"
               "produce_binary|polls|receive --port=N --pid=N; "
               "the first lines of bench/load.cpp tell more\n");
  return 2;
}
