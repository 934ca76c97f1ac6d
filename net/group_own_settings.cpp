// One function a member; what is wrong is told by name, with what is allowed.
#include "net/group_own_settings.hpp"

#include "actors/core/limits.hpp"
#include "net/ascii.hpp"
#include "net/eventstore_settings.hpp"
#include "net/settings_values.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace callboard {

namespace {

using nlohmann::json;

constexpr std::uint64_t delay_ms_max = std::min<std::uint64_t>(
  std::numeric_limits<std::uint32_t>::max(), limits::retry_delay_max.count());

accepted<std::uint32_t> read_delay(const std::string& name, const json& value) {
  auto delay = as_integer<std::uint32_t>(value);
  if (!delay || *delay > delay_ms_max)
    return wrong(name, value, range(0, delay_ms_max) + " milliseconds");
  return *delay;
}

accepted<void> read_delays(const json& value, retry_plan& into) {
  const std::string name = "retrySchedule.delaysMilliseconds";
  auto allowed = "an array of 1 to " + std::to_string(retry_delays_max)
                 + " integers from 0 to " + std::to_string(delay_ms_max)
                 + " milliseconds";
  if (!value.is_array() || value.empty())
    return wrong(name, value, allowed);
  if (value.size() > retry_delays_max)
    return refusal{400, name + " has " + std::to_string(value.size())
                          + " members; allowed: " + allowed + "."};
  for (auto& element : value) {
    auto at = name + "[" + std::to_string(into.delays_ms.size()) + "]";
    auto delay = read_delay(at, element);
    if (!delay)
      return delay.error();
    into.delays_ms.push_back(*delay);
  }
  return {};
}

accepted<void> read_real(const std::string& name, const json& value,
                         double least, double most, std::string_view allowed,
                         double& into) {
  if (!value.is_number() || value.get<double>() < least
      || value.get<double>() > most)
    return wrong(name, value, allowed);
  into = value.get<double>();
  return {};
}

/// One member of `retrySchedule`.
accepted<void> read_schedule_member(const std::string& name, const json& value,
                                    retry_plan& into) {
  auto full_name = "retrySchedule." + name;
  if (iequals(name, "delaysMilliseconds"))
    return read_delays(value, into);
  if (iequals(name, "factor"))
    return read_real(full_name, value, 1, 1000, "a number from 1 to 1000",
                     into.factor);
  if (iequals(name, "jitter"))
    return read_real(full_name, value, 0, 1, "a number from 0 to 1",
                     into.jitter);
  auto initial = iequals(name, "initialMilliseconds");
  if (!initial && !iequals(name, "maxMilliseconds"))
    return refusal{
      400, full_name
             + " is unknown; allowed: delaysMilliseconds, or "
               "initialMilliseconds, factor, maxMilliseconds and jitter."};
  auto delay = read_delay(full_name, value);
  if (!delay)
    return delay.error();
  (initial ? into.initial_ms : into.max_ms) = *delay;
  return {};
}

} // namespace

accepted<void> read_schedule(const json& value, retry_plan& into) {
  if (!value.is_object())
    return wrong("retrySchedule", value,
                 R"(an object, {"delaysMilliseconds": [...]} or )"
                 R"({"initialMilliseconds", "factor", "maxMilliseconds", )"
                 R"("jitter"})");
  into = {};
  std::size_t members = 0;
  for (auto& [name, member] : value.items()) {
    if (member.is_null())
      continue;
    ++members;
    if (auto ok = read_schedule_member(name, member, into); !ok)
      return ok;
  }
  if (!into.delays_ms.empty() && members > 1)
    return refusal{400, "retrySchedule has delaysMilliseconds and other "
                        "members; allowed: either the list of delays, or "
                        "initialMilliseconds, factor, maxMilliseconds and "
                        "jitter."};
  if (into.initial_ms > into.max_ms)
    return refusal{400, "retrySchedule.initialMilliseconds is "
                          + std::to_string(into.initial_ms)
                          + "; allowed: at most maxMilliseconds, which is "
                          + std::to_string(into.max_ms) + "."};
  return {};
}

accepted<void> read_durability(const json& value, lease_durability& into) {
  auto text = value.is_string() ? value.get<std::string>() : std::string{};
  if (iequals(text, "strict"))
    into = lease_durability::strict;
  else if (iequals(text, "lazy"))
    into = lease_durability::lazy;
  else
    return wrong("leaseDurability", value, R"("strict" or "lazy")");
  return {};
}

accepted<void> read_lease_loss(const json& value, lease_loss& into) {
  auto text = value.is_string() ? value.get<std::string>() : std::string{};
  if (iequals(text, "all"))
    into = lease_loss::charge_all;
  else if (iequals(text, "guilty"))
    into = lease_loss::charge_guilty;
  else
    return wrong("chargeOnLeaseLoss", value, R"("all" or "guilty")");
  return {};
}

} // namespace callboard
