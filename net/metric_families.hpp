// Families of metrics, made at a scrape and serialised by prometheus-cpp.
#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Any thread; made, filled and written at one scrape.
class families {
public:
  MetricFamily& add(std::string name, std::string help, MetricType type) {
    all_.push_back({std::move(name), std::move(help), type, {}});
    return all_.back();
  }

  void counter(std::string name, std::string help, double value) {
    sample(add(std::move(name), std::move(help), MetricType::Counter), value);
  }

  void gauge(std::string name, std::string help, double value) {
    sample(add(std::move(name), std::move(help), MetricType::Gauge), value);
  }

  static void sample(MetricFamily& into, double value,
                     std::vector<ClientMetric::Label> of = {}) {
    ClientMetric metric;
    metric.label = std::move(of);
    if (into.type == MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
    into.metric.push_back(std::move(metric));
  }

  /// One more count than bounds: the last one is of what lies beyond. A unit is
  /// what bounds and sum are divided by.
  static void histogram(MetricFamily& into,
                        std::span<const std::uint64_t> counts,
                        std::span<const std::uint64_t> bounds,
                        std::uint64_t sum, double unit,
                        std::vector<ClientMetric::Label> of = {}) {
    ClientMetric metric;
    metric.label = std::move(of);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= bounds.size(); ++i) {
      count += counts[i];
      metric.histogram.bucket.push_back(
        {count, i < bounds.size() ? static_cast<double>(bounds[i]) / unit
                                  : std::numeric_limits<double>::infinity()});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = static_cast<double>(sum) / unit;
    into.metric.push_back(std::move(metric));
  }

  std::string text() const {
    return prometheus::TextSerializer{}.Serialize(all_);
  }

private:
  std::vector<MetricFamily> all_;
};

constexpr double real(std::integral auto x) {
  return static_cast<double>(x);
}

} // namespace callboard
