// What one operation of the core and of the store costs: CPU only, no flush.
#include "actors/core/stream_heads.hpp"
#include "actors/core/subscription.hpp"
#include "persistence/codec.hpp"
#include "persistence/recent.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

using namespace callboard;

namespace {

uuid id_of(std::uint64_t n) {
  uuid id;
  std::memcpy(id.bytes.data(), &n, 8);
  return id;
}

append_request publish_of(std::uint64_t n) {
  return {"stream",
          expected_version::any,
          {{id_of(n), "type", std::string(1024, 'x'), "", true}},
          {}};
}

void decide_append(benchmark::State& state) {
  stream_heads heads{{0}};
  heads.load("stream", std::nullopt);
  std::uint64_t n = 0;
  for (auto _ : state) {
    auto what = publish_of(n++);
    benchmark::DoNotOptimize(heads.append(what, {1}));
  }
}

BENCHMARK(decide_append);

void encode_and_decode(benchmark::State& state) {
  stream_heads heads{{0}};
  heads.load("stream", std::nullopt);
  auto what = publish_of(1);
  auto made = heads.append(what, {1}).what;
  for (auto _ : state)
    benchmark::DoNotOptimize(decode(encode(made)));
}

BENCHMARK(encode_and_decode);

void apply_to_memory(benchmark::State& state) {
  stream_heads heads{{0}};
  heads.load("stream", std::nullopt);
  recent memory;
  std::uint64_t n = 0;
  for (auto _ : state) {
    auto what = publish_of(n++);
    memory.apply({0}, {n}, heads.append(what, {1}).what, 1200);
    if (n % 10'000 == 0) { // as the flusher does
      memory.freeze();
      memory.flushed();
      memory.evict(0);
    }
  }
}

BENCHMARK(apply_to_memory);

/// Leases and acks batches of `range` events; the time is for a batch.
void lease_and_ack(benchmark::State& state) {
  auto batch = std::size_t(state.range(0));
  group_row row;
  row.id = {1};
  row.next_lease = {1};
  std::uint64_t end = 0;
  subscription core{{"s", "g"}, row, {}, {0}, {0}};
  for (auto _ : state) {
    end += batch;
    core.publish({end});
    std::vector<leasable> wanted;
    std::vector<uuid> ids;
    for (auto& [in, numbers] : core.peek(batch))
      for (auto n = numbers.first; n < numbers.end(); n = n + 1) {
        ids.push_back(id_of(n.value));
        wanted.push_back({{in, n}, ids.back(), {}});
      }
    benchmark::DoNotOptimize(core.lease(wanted, {end}));
    benchmark::DoNotOptimize(
      core.settle(settle_action::ack, ids, {}, {}, {end}, 0));
  }
  state.SetItemsProcessed(std::int64_t(end));
}

BENCHMARK(lease_and_ack)->Arg(1)->Arg(20)->Arg(100);

} // namespace

BENCHMARK_MAIN();
