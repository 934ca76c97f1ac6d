// Families out of counters and moments, serialised by prometheus-cpp.
#include "net/metrics.hpp"

#include "net/group_metrics.hpp"
#include "net/metric_families.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace callboard {

namespace {

void add_broker(families& into, const counters& counts) {
  into.counter("callboard_events_appended_total", "Events published.",
               real(counts.events_appended.load()));
  into.counter("callboard_events_delivered_total",
               "Leases of single events, redeliveries included.",
               real(counts.events_delivered.load()));
  into.counter("callboard_events_settled_total", "Events acked or skipped.",
               real(counts.events_settled.load()));
  into.counter("callboard_events_retried_total",
               "Events that went back for another delivery.",
               real(counts.events_retried.load()));
  into.counter("callboard_events_parked_total", "Events set aside.",
               real(counts.events_parked.load()));
  into.counter("callboard_delayed_fired_total", "Delayed messages sent.",
               real(counts.delayed_fired.load()));
  into.counter("callboard_delayed_late_seconds_total",
               "By how much delayed messages were late, added up.",
               real(counts.delayed_late_ms_total.load()) / 1000);
  into.gauge("callboard_consumers_registered", "Consumers of topics.",
             real(counts.consumers_registered.load()));
  into.counter("callboard_polls_total", "Polls of consumers of topics.",
               real(counts.polls.load()));
  into.counter("callboard_records_polled_total",
               "Records handed out to them, repeats included.",
               real(counts.records_polled.load()));
  into.counter("callboard_progress_breaches_total",
               "Groups that did not deliver although they could have.",
               real(counts.progress_breaches.load()));
  into.counter("callboard_partition_rebuilds_total",
               "Partitions that began again from their rows.",
               real(counts.rebuilds.load()));
  into.counter("callboard_actor_failures_total",
               "Groups and partitions that were rebuilt after an exception.",
               real(counts.actor_failures.load()));
  into.counter("callboard_wall_clock_steps_total",
               "How often somebody set the clock of the machine.",
               real(counts.wall_steps.load()));
}

/// What the classes are called; the ends of leases and retries of groups are
/// told apart by the groups' own metrics.
constexpr std::array<const char*, delayed_classes> class_names{
  "group", "retention",   "publish", "recurring",
  "bulk",  "session-end", "announce"};

void add_delayed(families& into, const node_services& node) {
  auto& counts = node.counts;
  auto& pending =
    into.add("callboard_delayed_pending",
             "Delayed messages that wait, by kind; being counted for a while "
             "after a start.",
             MetricType::Gauge);
  for (std::size_t i = 0; i < delayed_classes; ++i)
    families::sample(pending, real(counts.delayed_pending[i].load()),
                     {{"kind", class_names[i]}});
  auto now = node.now();
  auto oldest = now;
  for (std::size_t p = 0; p < node.db->partitions(); ++p)
    if (auto first = node.db->delayed({p}, {}, {}, now, 1);
        first && !first->empty())
      oldest = std::min(oldest, first->front().due);
  into.gauge("callboard_delayed_oldest_due_seconds",
             "How long the oldest delayed message has been due; 0: none is.",
             real(now.value - oldest.value) / 1000);
  into.counter("callboard_delayed_dropped_total",
               "Scheduled events that were dropped: their stream is deleted.",
               real(counts.delayed_dropped.load()));
  auto& late = into.add("callboard_delayed_late_seconds",
                        "By how much delayed messages were sent after their "
                        "time.",
                        MetricType::Histogram);
  std::array<std::uint64_t, counters::late_bounds_ms.size() + 1> seen{};
  std::transform(counts.delayed_late.begin(), counts.delayed_late.end(),
                 seen.begin(), [](auto& count) { return count.load(); });
  families::histogram(late, seen, counters::late_bounds_ms,
                      counts.delayed_late_ms_total.load(), 1000);
}

void add_storage(families& into, const node_services& node) {
  into.gauge("callboard_log_waiting_bytes",
             "Bytes that wait for being flushed to the log.",
             real(node.log->waiting_bytes()));
  into.gauge("callboard_store_unflushed_bytes",
             "Bytes in the log that the store does not have yet.",
             real(node.db->unflushed_bytes()));
  auto log = node.log->counts();
  into.counter("callboard_log_flushes_total", "Flushes of the log.",
               real(log.flushes));
  into.counter("callboard_log_flush_seconds_total",
               "Time that writing and flushing the log took.",
               real(log.flush_us) / 1e6);
  into.counter("callboard_log_entries_total", "Records in the log.",
               real(log.entries));
  into.counter("callboard_log_bytes_total", "Bytes of these records.",
               real(log.bytes));
  into.counter("callboard_log_failures_total",
               "Writes or flushes of the log that failed.", real(log.failures));
  auto why = node.log->publishing_refusal();
  if (why == errc::none)
    why = node.db->refusal();
  auto& refused = into.add("callboard_publishing_refused",
                           "1: nothing can be published, for this reason.",
                           MetricType::Gauge);
  for (auto reason : {errc::storage_full, errc::storage_failed})
    families::sample(refused, why == reason ? 1 : 0,
                     {{"reason", std::string{to_string(reason)}}});
  // While only the store refuses, what is no publish is recorded all the same.
  into.gauge("callboard_storage_writable",
             "1: leases, acks and deletes are recorded, and what is published "
             "unless callboard_publishing_refused says no; 0: read-only.",
             node.log->refusal() == errc::none ? 1 : 0);
}

void add_http(families& into, const http_counts& http) {
  auto sum = [&](auto value) {
    std::uint64_t out = 0;
    for (auto& thread : http)
      out += value(*thread);
    return out;
  };
  into.gauge("callboard_http_connections", "Open connections.",
             real(sum([](auto& counts) { return counts.connections(); })));
  auto& answers =
    into.add("callboard_http_requests_total",
             "Requests that were answered, by status.", MetricType::Counter);
  for (std::size_t hundreds = 2; hundreds <= 5; ++hundreds)
    families::sample(
      answers,
      real(sum([=](auto& counts) { return counts.of_class(hundreds); })),
      {{"status", std::to_string(hundreds) + "xx"}});
  auto& times = into.add("callboard_http_request_seconds",
                         "From a complete request to its answer, long polls "
                         "included.",
                         MetricType::Histogram);
  auto& bounds = http_counters::bounds_us;
  std::array<std::uint64_t, std::size(http_counters::bounds_us) + 1> seen{};
  for (std::size_t i = 0; i < seen.size(); ++i)
    seen[i] = sum([=](auto& counts) { return counts.in_bucket(i); });
  families::histogram(times, seen, bounds,
                      sum([](auto& counts) { return counts.us_total(); }), 1e6);
}

void add_process(families& into, const process_stats& process) {
  into.counter("process_cpu_seconds_total", "User and system CPU time.",
               process.cpu_s);
  into.gauge("process_resident_memory_bytes", "Resident memory.",
             real(process.resident_bytes));
  into.gauge("process_virtual_memory_bytes", "Virtual memory.",
             real(process.virtual_bytes));
  into.gauge("process_start_time_seconds", "Start, in seconds since 1970.",
             process.started_s);
  into.gauge("process_threads", "Threads.", real(process.threads));
  into.gauge("process_open_fds", "Open file descriptors.",
             real(process.open_files));
  into.gauge("process_max_fds", "File descriptors that may be open.",
             real(process.open_files_max));
}

} // namespace

std::string metrics_text(const node_services& node, const http_counts& http,
                         const group_infos* groups,
                         const process_stats& process) {
  families all;
  families::sample(all.add("callboard_build_info", "The version that runs.",
                           MetricType::Gauge),
                   1, {{"version", CALLBOARD_VERSION}});
  add_broker(all, node.counts);
  add_delayed(all, node);
  add_storage(all, node);
  add_http(all, http);
  add_process(all, process);
  if (groups != nullptr)
    add_groups(all, *groups);
  return all.text();
}

} // namespace callboard
