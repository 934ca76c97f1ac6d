// A percentile is sorted[p * n], as Event Store has it.
#include "actors/core/delivery_times.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace callboard {

namespace {

struct percentile {
  const char* name;
  std::size_t per_mille;
};

constexpr std::array percentiles{
  percentile{"Quintile 1", 0},   percentile{"Quintile 2", 200},
  percentile{"Quintile 3", 400}, percentile{"Quintile 4", 600},
  percentile{"Quintile 5", 800}, percentile{"90%", 900},
  percentile{"95%", 950},        percentile{"99%", 990},
  percentile{"99.5%", 995},      percentile{"99.9%", 999}};

} // namespace

void delivery_times::add(std::uint64_t milliseconds) {
  if (last_.size() < limits::measured_deliveries_max) {
    oldest_ = 0;
    return last_.push_back(milliseconds);
  }
  last_[oldest_] = milliseconds;
  oldest_ = (oldest_ + 1) % last_.size();
}

std::vector<std::pair<std::string, std::int64_t>>
delivery_times::described() const {
  if (last_.empty())
    return {};
  auto sorted = last_;
  std::sort(sorted.begin(), sorted.end());
  auto at = [&](std::size_t per_mille) {
    auto i = per_mille * sorted.size() / 1000;
    return std::int64_t(sorted[std::min(i, sorted.size() - 1)]);
  };
  auto sum = std::accumulate(sorted.begin(), sorted.end(), std::uint64_t{0});
  std::vector<std::pair<std::string, std::int64_t>> out{
    {"Mean", std::int64_t(sum / sorted.size())},
    {"Median", at(500)},
    {"Fastest", std::int64_t(sorted.front())}};
  for (auto& one : percentiles)
    out.emplace_back(one.name, at(one.per_mille));
  out.emplace_back("Highest", std::int64_t(sorted.back()));
  return out;
}

} // namespace callboard
