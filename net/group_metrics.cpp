// A table of plain ones, and those with a label or with classes.
#include "net/group_metrics.hpp"

#include "net/explanation_text.hpp"
#include "net/metrics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

namespace {

struct group_metric {
  const char* name;
  const char* help;
  MetricType type;
  std::function<double(const group_info&)> value;
};

std::vector<ClientMetric::Label> name_of(const group_info& group) {
  return {{"stream", group.key.stream}, {"group", group.key.group}};
}

void add_plain(families& into, const group_infos& groups) {
  auto gauge = MetricType::Gauge;
  auto counter = MetricType::Counter;
  const group_metric metrics[]{
    {"callboard_group_ready", "Events that could be delivered now.", gauge,
     [](auto& g) { return real(g.ready); }},
    {"callboard_group_in_flight", "Events that are leased.", gauge,
     [](auto& g) { return real(g.in_flight); }},
    {"callboard_group_retrying", "Events that wait for a retry.", gauge,
     [](auto& g) { return real(g.retrying); }},
    {"callboard_group_parked", "Events that are set aside.", gauge,
     [](auto& g) { return real(g.parked); }},
    {"callboard_group_oldest_parked_seconds",
     "Age of the oldest event that is set aside; 0: none.", gauge,
     [](auto& g) { return real(g.oldest_parked_s); }},
    {"callboard_group_waiting_polls", "Fetches that wait for an event.", gauge,
     [](auto& g) { return real(g.waiting_polls); }},
    {"callboard_group_checkpoint",
     "The last event with all before it settled; -1: none.", gauge,
     [](auto& g) { return real(g.checkpoint); }},
    {"callboard_group_last_known", "The last event of the stream; -1: none.",
     gauge, [](auto& g) { return real(g.last_known); }},
    {"callboard_group_delivered_total",
     "Deliveries of single events since the broker started.", counter,
     [](auto& g) { return real(g.delivered_total); }},
    {"callboard_group_settled_total",
     "Events acked or skipped since the group was created.", counter,
     [](auto& g) { return real(g.settled); }},
    {"callboard_group_oldest_ready_seconds",
     "Age of the oldest event that could be delivered, as far as it is in "
     "memory; 0: none.",
     gauge, [](auto& g) { return real(g.oldest_ready_s); }},
    {"callboard_group_oldest_lease_seconds",
     "Age of the oldest lease; 0: none.", gauge,
     [](auto& g) { return real(g.oldest_lease_s); }},
    {"callboard_group_paused",
     "1 if the group is paused, or its breaker is not closed.", gauge,
     [](auto& g) {
       return g.paused_until.value != 0 || g.breaker != breaker_state::closed
                ? 1.0
                : 0.0;
     }}};
  auto shown = std::min(groups.size(), measured_groups_max);
  into.gauge("callboard_groups", "Groups.", real(groups.size()));
  into.gauge("callboard_groups_not_shown",
             "Groups without metrics of their own: those behind the first "
               + std::to_string(measured_groups_max) + " by name.",
             real(groups.size() - shown));
  for (auto& metric : metrics) {
    auto& family = into.add(metric.name, metric.help, metric.type);
    for (std::size_t i = 0; i < shown; ++i) {
      auto& group = groups[i];
      families::sample(family, metric.value(group), name_of(group));
    }
  }
}

/// One sample for each class, labelled by it.
template <std::size_t N>
void add_classes(
  families& into, std::span<const group_info> groups, const char* name,
  const char* help, const char* label,
  const std::array<std::string, N>& classes,
  std::function<const std::array<std::uint64_t, N>&(const delivery_counts&)>
    of) {
  auto& family = into.add(name, help, MetricType::Counter);
  for (auto& group : groups)
    for (std::size_t i = 0; i < N; ++i) {
      auto labels = name_of(group);
      labels.push_back({label, classes[i]});
      families::sample(family, real(of(group.counts)[i]), std::move(labels));
    }
}

void add_counts(families& into, std::span<const group_info> groups) {
  add_classes<delivery_counts::attempt_classes>(
    into, groups, "callboard_group_deliveries_total",
    "Deliveries by attempt, since the group was loaded.", "attempt",
    {"1", "2", "3", "4-7", "8+"},
    [](auto& x) -> auto& { return x.by_attempt(); });
  std::array<std::string, delivery_counts::outcomes> outcomes;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    outcomes[i] = to_string(lease_outcome(i));
  add_classes<delivery_counts::outcomes>(
    into, groups, "callboard_group_lease_ends_total",
    "Events by how their leases ended, since the group was loaded.", "outcome",
    outcomes, [](auto& x) -> auto& { return x.by_outcome(); });
  auto& latency =
    into.add("callboard_group_delivery_latency_seconds",
             "From publishing to the first delivery.", MetricType::Histogram);
  for (auto& group : groups)
    families::histogram(latency, group.counts.latencies(),
                        delivery_counts::latency_ms,
                        group.counts.latency_total_ms(), 1000, name_of(group));
}

} // namespace

void add_groups(families& into, const group_infos& groups) {
  add_plain(into, groups);
  add_counts(into, std::span{groups}.first(
                     std::min(groups.size(), measured_groups_max)));
}

} // namespace callboard
