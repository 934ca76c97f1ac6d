// What writing a feed of 100 events costs, as JSON and as XML: CPU only.
#include "net/eventstore_feed_json.hpp"
#include "net/eventstore_feed_xml.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>

using namespace callboard;

namespace {

constexpr std::size_t events = 100;
constexpr std::string_view base = "http://127.0.0.1:2113";

/// About 1 KiB of JSON, as an order might look.
std::string order(std::size_t n) {
  std::string out = R"({"order":)" + std::to_string(n) + R"(,"lines":[)";
  for (int i = 0; i < 10; ++i)
    out += (i == 0 ? "" : ",")
           + std::string{R"({"item":"chair \"Lisa\"","count":)"}
           + std::to_string(i)
           + R"(,"price":129.90,"note":"Lieferung frei Haus, bitte klingeln"})";
  return out + "]}";
}

event_ptr made(std::size_t n) {
  event e;
  std::memcpy(e.id.bytes.data(), &n, sizeof n);
  e.type = "ordered";
  e.data = order(n);
  e.metadata = R"({"user":"ann"})";
  e.is_json = true;
  e.number = {n};
  e.created = {1449047868556};
  return std::make_shared<const event>(std::move(e));
}

event_page full_page() {
  event_page out;
  out.head = stream_row{{1}, {events}, {0}, stream_state::live, {}};
  for (std::size_t i = 0; i < events; ++i) {
    auto e = made(i);
    out.events.push_back({e, e, {}});
  }
  out.covered = events;
  return out;
}

delivery_batch full_batch() {
  delivery_batch out;
  for (auto& e : full_page().events)
    out.events.push_back({e, lane::source, 1, {1}});
  return out;
}

using writer = std::string (*)(const feed&, embed_level);

void write_page(benchmark::State& state, writer write, embed_level embed) {
  auto page = full_page();
  std::size_t bytes = 0;
  for (auto _ : state)
    bytes += write(stream_feed({base, "orders", event_number{0}, events,
                                direction::forward},
                               page, ""),
                   embed)
               .size();
  state.SetBytesProcessed(std::int64_t(bytes));
  state.SetItemsProcessed(std::int64_t(state.iterations() * events));
}

void write_deliveries(benchmark::State& state, writer write,
                      embed_level embed) {
  auto batch = full_batch();
  std::size_t bytes = 0;
  for (auto _ : state)
    bytes +=
      write(competing_feed(base, {"orders", "workers"}, events, batch), embed)
        .size();
  state.SetBytesProcessed(std::int64_t(bytes));
  state.SetItemsProcessed(std::int64_t(state.iterations() * events));
}

void write_data(benchmark::State& state, std::string (*write)(const event&)) {
  auto e = made(1);
  for (auto _ : state)
    benchmark::DoNotOptimize(write(*e));
  state.SetBytesProcessed(state.iterations() * std::int64_t(e->data.size()));
}

using enum embed_level;

BENCHMARK_CAPTURE(write_page, json_body, feed_to_json, body);
BENCHMARK_CAPTURE(write_page, json_content, feed_to_json, content);
BENCHMARK_CAPTURE(write_page, xml_body, feed_to_xml, body);
BENCHMARK_CAPTURE(write_page, xml_content, feed_to_xml, content);
BENCHMARK_CAPTURE(write_deliveries, json_body, feed_to_json, body);
BENCHMARK_CAPTURE(write_deliveries, xml_body, feed_to_xml, body);
BENCHMARK_CAPTURE(write_deliveries, xml_content, feed_to_xml, content);
BENCHMARK_CAPTURE(write_data, json, data_to_json);
BENCHMARK_CAPTURE(write_data, xml, data_to_xml);

} // namespace

BENCHMARK_MAIN();
