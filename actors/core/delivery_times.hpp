// How long consumers took lately: a group's extra statistics (spec 3.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

/// The last `limits::measured_deliveries_max` completed deliveries, each from
/// its lease to its end. Takes no memory before the first one.
class delivery_times {
public:
  void add(std::uint64_t milliseconds);

  void clear() { last_ = {}; }

  /// Mean, median, fastest, quintiles, percentiles and highest under the names
  /// and in the order of the dialect; nothing if there is no delivery.
  std::vector<std::pair<std::string, std::int64_t>> described() const;

private:
  std::vector<std::uint64_t> last_; // a ring once it is full
  std::size_t oldest_ = 0;
};

} // namespace callboard
