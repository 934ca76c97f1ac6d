// Portions, rates, and when to stop.
#include "actors/core/parked_job.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <cmath>

namespace callboard {

namespace {

constexpr std::uint64_t second_ms = 1000;

/// Events of a portion of a job with a rate.
std::size_t rated_portion(const parked_job& job) noexcept {
  return std::size_t(
    std::clamp(job.per_second, 1.0, double(limits::parked_look_max)));
}

bool is_watched(const parked_job& job) noexcept {
  return job.verb == parked_verb::replay && job.stop_percent > 0;
}

} // namespace

bool matches(const parked_filter& filter, const event& link, const event* what,
             const std::string& reason) {
  auto named = [&](const uuid& id) {
    return id == link.id || (what != nullptr && id == what->id);
  };
  if (!filter.ids.empty()
      && std::none_of(filter.ids.begin(), filter.ids.end(), named))
    return false;
  if (!filter.reason.empty() && reason.find(filter.reason) == std::string::npos)
    return false;
  if (!filter.type.empty() && (what == nullptr || what->type != filter.type))
    return false;
  return link.created >= filter.from
         && (filter.to.value == 0 || link.created < filter.to);
}

errc refusal_of(const parked_command& what) noexcept {
  auto bytes = what.filter.ids.size() * sizeof(uuid) + what.filter.reason.size()
               + what.filter.type.size() + what.words.size();
  if (what.filter.ids.size() > limits::parked_ids_max
      || bytes > limits::parked_command_bytes_max)
    return errc::too_large;
  bool sound = std::isfinite(what.per_second) && what.per_second >= 0
               && what.stop_percent >= 0 && what.stop_percent <= 100;
  return sound ? errc::none : errc::invalid_argument;
}

std::size_t portion_of(const parked_job& job,
                       std::uint64_t under_way) noexcept {
  if (job.verb != parked_verb::replay)
    return limits::parked_look_max;
  auto most = job.per_second > 0 ? rated_portion(job) : limits::parked_look_max;
  if (!is_watched(job))
    return most;
  return under_way < limits::watched_replay_max
           ? std::min(most, limits::watched_replay_max - std::size_t(under_way))
           : 0;
}

std::uint64_t interval_ms(const parked_job& job) noexcept {
  if (job.verb != parked_verb::replay)
    return 0;
  if (job.per_second > 0)
    return std::uint64_t(
      std::min(double(rated_portion(job)) * double(second_ms) / job.per_second,
               double(limits::delay_max.count())));
  return is_watched(job) ? second_ms : 0;
}

bool fails_too_often(const parked_job& job, std::uint64_t under_way) noexcept {
  if (!is_watched(job) || job.failed == 0)
    return false;
  auto ended = job.chosen - std::min(job.chosen, under_way);
  bool enough = ended >= limits::watched_replay_sample || under_way == 0;
  return enough && double(job.failed) * 100 > job.stop_percent * double(ended);
}

bool is_over(const parked_job& job, std::uint64_t under_way) noexcept {
  return job.looked_at_all() && (!is_watched(job) || under_way == 0);
}

} // namespace callboard
