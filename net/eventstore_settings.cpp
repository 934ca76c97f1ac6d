// One table of members; what is wrong is told by name, with what is allowed.
#include "net/eventstore_settings.hpp"

#include "net/ascii.hpp"
#include "net/group_own_settings.hpp"
#include "net/json_body.hpp"
#include "net/settings_values.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace callboard {

namespace {

using nlohmann::json;

constexpr std::array strategies{"RoundRobin", "DispatchToSingle", "Pinned",
                                "PinnedByCorrelation"};

struct integer_member {
  std::string_view name;
  std::int32_t group_settings::* field;
};

constexpr std::array integer_members{
  integer_member{"messageTimeoutMilliseconds",
                 &group_settings::message_timeout_ms},
  integer_member{"maxRetryCount", &group_settings::max_retry_count},
  integer_member{"liveBufferSize", &group_settings::live_buffer_size},
  integer_member{"bufferSize", &group_settings::buffer_size},
  integer_member{"readBatchSize", &group_settings::read_batch_size},
  integer_member{"checkPointAfterMilliseconds",
                 &group_settings::check_point_after_ms},
  integer_member{"minCheckPointCount", &group_settings::min_check_point_count},
  integer_member{"maxCheckPointCount", &group_settings::max_check_point_count},
  integer_member{"maxSubscriberCount", &group_settings::max_subscriber_count}};

/// Ours: what is wrong with them is told last.
constexpr std::array own_integer_members{
  integer_member{"minRetrySpanMilliseconds",
                 &group_settings::min_retry_span_ms},
  integer_member{"maxInFlight", &group_settings::max_in_flight},
  integer_member{"maxInFlightPerConsumer",
                 &group_settings::max_in_flight_per_consumer}};

std::optional<bool> as_boolean(const json& value) {
  if (value.is_boolean())
    return value.get<bool>();
  if (value.is_number_integer())
    return value != 0;
  if (value.is_string() && iequals(value.get<std::string>(), "true"))
    return true;
  if (value.is_string() && iequals(value.get<std::string>(), "false"))
    return false;
  return std::nullopt;
}

accepted<void> read_boolean(std::string_view name, const json& value,
                            bool& into) {
  auto read = as_boolean(value);
  if (!read)
    return wrong(name, value, "true or false");
  into = *read;
  return {};
}

/// The members of one body, before they are looked at together.
struct body_reader {
  group_settings settings;
  bool prefer_round_robin = false;
  std::optional<std::string> start_position;
  accepted<void> own_members{}; // those that are not Event Store's

  accepted<void> read(const std::string& name, const json& value) {
    for (auto& member : integer_members)
      if (iequals(name, member.name))
        return read_integer(member, value);
    for (auto& member : own_integer_members)
      if (iequals(name, member.name))
        keep(read_own_integer(member, value));
    if (iequals(name, "resolveLinkTos"))
      return read_boolean("resolveLinktos", value, settings.resolve_link_tos);
    if (iequals(name, "extraStatistics"))
      return read_boolean("extraStatistics", value, settings.extra_statistics);
    if (iequals(name, "preferRoundRobin"))
      return read_boolean("preferRoundRobin", value, prefer_round_robin);
    if (iequals(name, "startFrom"))
      return read_start(value);
    if (iequals(name, "startPosition"))
      start_position =
        value.is_string() ? value.get<std::string>() : value.dump();
    else if (iequals(name, "namedConsumerStrategy"))
      return read_strategy(value);
    else if (iequals(name, "retrySchedule"))
      keep(read_schedule(value, settings.retries));
    else if (iequals(name, "leaseDurability"))
      keep(read_durability(value, settings.durability));
    else if (iequals(name, "chargeOnLeaseLoss"))
      keep(read_lease_loss(value, settings.on_lease_loss));
    return {};
  }

private:
  void keep(accepted<void> outcome) {
    if (own_members)
      own_members = std::move(outcome);
  }

  accepted<void> read_integer(const integer_member& member, const json& value) {
    auto x = as_integer<std::int32_t>(value);
    if (!x)
      return wrong(member.name, value,
                   range(0, std::numeric_limits<std::int32_t>::max()));
    settings.*member.field = *x;
    return {};
  }

  accepted<void> read_own_integer(const integer_member& member,
                                  const json& value) {
    if (auto ok = read_integer(member, value); !ok)
      return ok;
    if (settings.*member.field < 0)
      return wrong(member.name, value,
                   range(0, std::numeric_limits<std::int32_t>::max()));
    return {};
  }

  accepted<void> read_start(const json& value) {
    auto x = as_integer<std::int64_t>(value);
    if (!x)
      return wrong("startFrom", value,
                   range(-1, std::numeric_limits<std::int64_t>::max()));
    settings.start_from = *x;
    return {};
  }

  accepted<void> read_strategy(const json& value) {
    if (!value.is_string())
      return wrong("namedConsumerStrategy", value, "a string");
    settings.named_consumer_strategy = value.get<std::string>();
    return {};
  }
};

/// The checks of spec 1.3, with its words.
accepted<void> check_buffers(const group_settings& s) {
  auto positive = [](std::string_view what, std::int32_t x) {
    return refusal{400, std::string{what} + " (" + std::to_string(x)
                          + ") must be positive"};
  };
  if (s.buffer_size <= 0)
    return positive("Buffer Size", s.buffer_size);
  if (s.live_buffer_size <= 0)
    return positive("Live Buffer Size", s.live_buffer_size);
  if (s.read_batch_size <= 0)
    return positive("Read Batch Size", s.read_batch_size);
  if (s.buffer_size <= s.read_batch_size)
    return refusal{400, "BufferSize (" + std::to_string(s.buffer_size)
                          + ") must be larger than ReadBatchSize ("
                          + std::to_string(s.read_batch_size) + ")"};
  return {};
}

accepted<void> read_start_position(const std::optional<std::string>& text,
                                   group_settings& s) {
  if (!text)
    return {};
  auto x = as_integer<std::int64_t>(json(*text));
  if (!x)
    return refusal{400, "startPosition should be a properly formed long"};
  s.start_from = *x;
  return {};
}

accepted<void> check_negative(const group_settings& s) {
  for (auto& member : integer_members)
    if (s.*member.field < 0)
      return wrong(member.name, s.*member.field,
                   range(0, std::numeric_limits<std::int32_t>::max()));
  return {};
}

} // namespace

accepted<group_settings> parse_group_settings(std::string_view body) {
  if (auto ok = check_json_depth(body); !ok)
    return ok.error();
  auto document = parse_json_body(body);
  if (!document.is_object())
    return group_settings{};
  body_reader reader;
  for (auto& [name, value] : document.items())
    if (!value.is_null())
      if (auto ok = reader.read(name, value); !ok)
        return ok.error();
  auto& settings = reader.settings;
  if (auto ok = check_buffers(settings); !ok)
    return ok.error();
  if (auto ok = read_start_position(reader.start_position, settings); !ok)
    return ok.error();
  if (auto ok = check_negative(settings); !ok)
    return ok.error();
  if (!reader.own_members)
    return reader.own_members.error();
  if (settings.named_consumer_strategy.empty())
    settings.named_consumer_strategy =
      reader.prefer_round_robin ? "RoundRobin" : "DispatchToSingle";
  return settings;
}

std::string stream_refusal(std::string_view stream) {
  if (stream.empty())
    return "Bad stream name.";
  if (stream == "$all")
    return "Persistent subscriptions to $all are only supported over gRPC "
           "through gRPC clients";
  return {};
}

std::string settings_refusal(const group_settings& settings) {
  auto& strategy = settings.named_consumer_strategy;
  if (std::find(strategies.begin(), strategies.end(), strategy)
      == strategies.end())
    return "Consumer strategy " + strategy + " does not exist.";
  if (settings.start_from < -1)
    return "Invalid Start From position: event number must be greater than or "
           "equal to -1.";
  return {};
}

nlohmann::ordered_json settings_to_json(const group_settings& s) {
  nlohmann::ordered_json schedule;
  if (s.retries.delays_ms.empty())
    schedule = {{"initialMilliseconds", s.retries.initial_ms},
                {"factor", s.retries.factor},
                {"maxMilliseconds", s.retries.max_ms},
                {"jitter", s.retries.jitter}};
  else
    schedule = {{"delaysMilliseconds", s.retries.delays_ms}};
  return {{"resolveLinktos", s.resolve_link_tos},
          {"startFrom", s.start_from},
          {"startPosition", std::to_string(s.start_from)},
          {"messageTimeoutMilliseconds", s.message_timeout_ms},
          {"extraStatistics", s.extra_statistics},
          {"maxRetryCount", s.max_retry_count},
          {"liveBufferSize", s.live_buffer_size},
          {"bufferSize", s.buffer_size},
          {"readBatchSize", s.read_batch_size},
          {"preferRoundRobin", s.named_consumer_strategy == "RoundRobin"},
          {"checkPointAfterMilliseconds", s.check_point_after_ms},
          {"minCheckPointCount", s.min_check_point_count},
          {"maxCheckPointCount", s.max_check_point_count},
          {"maxSubscriberCount", s.max_subscriber_count},
          {"namedConsumerStrategy", s.named_consumer_strategy},
          {"retrySchedule", std::move(schedule)},
          {"leaseDurability",
           s.durability == lease_durability::strict ? "strict" : "lazy"},
          {"minRetrySpanMilliseconds", s.min_retry_span_ms},
          {"maxInFlight", s.max_in_flight},
          {"maxInFlightPerConsumer", s.max_in_flight_per_consumer},
          {"chargeOnLeaseLoss",
           s.on_lease_loss == lease_loss::charge_all ? "all" : "guilty"}};
}

} // namespace callboard
