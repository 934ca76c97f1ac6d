// Rare and small answers, so nlohmann's ordered objects will do.
#include "net/eventstore_groups.hpp"

#include "net/eventstore_feed.hpp"
#include "net/eventstore_settings.hpp"
#include "net/json_text.hpp"
#include "net/random_uuid.hpp"
#include "net/url.hpp"
#include "net/xml_document.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace callboard {

namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& document) {
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json link(std::string href, std::string_view relation) {
  return {{"href", std::move(href)}, {"rel", relation}};
}

/// `::` stays as it is between the escaped names (spec 3.6).
std::string parked_uri(std::string_view base, const group_key& key) {
  std::string out{base};
  out += "/streams/%24persistentsubscription-";
  append_segment(out, key.stream);
  out += "::";
  append_segment(out, key.group);
  return out + "-parked";
}

/// An unknown position is null as text, and -1 as a number (spec 8b.8).
ordered_json position_text(std::int64_t number) {
  return number < 0 ? ordered_json{} : ordered_json(std::to_string(number));
}

double whole_rate(const group_info& info) {
  return std::floor(info.items_per_second);
}

ordered_json extra_statistics(const group_info& info) {
  auto out = ordered_json::array();
  for (auto& [key, value] : info.extra_statistics)
    out.push_back({{"key", key}, {"value", value}});
  return out;
}

ordered_json summary(std::string_view base, const group_info& info) {
  auto uri = group_uri(base, info.key);
  return {{"links", ordered_json::array({link(uri + "/info", "detail")})},
          {"eventStreamId", info.key.stream},
          {"groupName", info.key.group},
          {"parkedMessageUri", parked_uri(base, info.key)},
          {"getMessagesUri", uri + "/1"},
          {"status", status_of(info)},
          {"averageItemsPerSecond", whole_rate(info)},
          {"totalItemsProcessed", info.delivered_total},
          {"lastProcessedEventNumber", info.checkpoint},
          {"lastCheckpointedEventPosition", position_text(info.checkpoint)},
          {"lastKnownEventNumber", info.last_known},
          {"lastKnownEventPosition", position_text(info.last_known)},
          {"connectionCount", 0},
          {"totalInFlightMessages", info.in_flight}};
}

ordered_json summaries(std::string_view base, group_infos::const_iterator from,
                       group_infos::const_iterator to) {
  auto out = ordered_json::array();
  for (; from != to; ++from)
    out.push_back(summary(base, *from));
  return out;
}

/// The first group of the stream after that of `at`.
group_infos::const_iterator next_stream(group_infos::const_iterator at,
                                        group_infos::const_iterator end) {
  return std::find_if(
    at, end, [&](auto& info) { return info.key.stream != at->key.stream; });
}

ordered_json page_link(std::string_view base, std::size_t offset,
                       std::size_t count, std::string_view relation) {
  return link(std::string{base} + "/subscriptions?offset="
                + std::to_string(offset) + "&count=" + std::to_string(count),
              relation);
}

ordered_json envelope(std::string_view result, std::string_view reason) {
  return {{"correlationId", to_string(random_uuid())},
          {"reason", reason},
          {"result", result}};
}

/// What keeps a group from delivering, as far as it is its own state; nothing
/// is said that is as usual.
void add_hindrances(const group_info& info, ordered_json& out) {
  if (!info.blocked.empty())
    out["blocked"] = info.blocked;
  if (info.paused_until.value != 0)
    out["pausedUntil"] = time_text(info.paused_until);
  if (info.breaker != breaker_state::closed)
    out["breaker"] = info.breaker == breaker_state::open ? "open" : "half-open";
  if (info.breaker_until.value != 0)
    out["breakerUntil"] = time_text(info.breaker_until);
  if (!info.pause_reason.empty())
    out["pauseReason"] = info.pause_reason;
  if (info.next_retry.value != 0)
    out["nextRetry"] = time_text(info.next_retry);
}

ordered_json info_of(std::string_view base, const group_info& info) {
  auto uri = group_uri(base, info.key);
  ordered_json out{
    {"links",
     ordered_json::array({link(uri + "/info", "detail"),
                          link(uri + "/replayParked", "replayParked")})},
    {"config", settings_to_json(info.settings)},
    {"eventStreamId", info.key.stream},
    {"groupName", info.key.group},
    {"status", status_of(info)},
    {"averageItemsPerSecond", whole_rate(info)},
    {"parkedMessageUri", parked_uri(base, info.key)},
    {"getMessagesUri", uri + "/1"},
    {"totalItemsProcessed", info.delivered_total},
    {"countSinceLastMeasurement", info.delivered_since_last},
    {"lastProcessedEventNumber", info.checkpoint},
    {"lastCheckpointedEventPosition", position_text(info.checkpoint)},
    {"lastKnownEventNumber", info.last_known},
    {"lastKnownEventPosition", position_text(info.last_known)},
    {"readBufferCount", info.read_buffer},
    {"liveBufferCount", info.live_buffer},
    {"retryBufferCount", info.retry_buffer},
    {"totalInFlightMessages", info.in_flight},
    {"outstandingMessagesCount", info.in_flight},
    {"connections", ordered_json::array()},
    {"parkedMessageCount", info.parked},
    {"readyMessageCount", info.ready},
    {"settledMessageCount", info.settled},
    {"waitingPollCount", info.waiting_polls},
    {"extraStatistics", extra_statistics(info)}};
  add_hindrances(info, out);
  return out;
}

ordered_json page_of(std::string_view base, const group_infos& infos,
                     std::size_t offset, std::size_t count) {
  auto first = infos.end();
  auto last = infos.end();
  std::size_t total = 0;
  for (auto at = infos.begin(); at != infos.end();
       at = next_stream(at, infos.end()), ++total) {
    if (total == offset)
      first = at;
    if (total >= offset && total - offset == count)
      last = at;
  }
  auto links = ordered_json::array({page_link(base, offset, count, "self"),
                                    page_link(base, 0, count, "first")});
  if (offset > 0)
    links.push_back(
      page_link(base, offset - std::min(offset, count), count, "previous"));
  if (offset < total && count < total - offset)
    links.push_back(page_link(base, offset + count, count, "next"));
  return {{"links", std::move(links)},
          {"offset", offset},
          {"count", count},
          {"total", total},
          {"subscriptions", summaries(base, first, last)}};
}

/// XmlSerializer leaves out what is obsolete: the numbers that are there as
/// texts too.
ordered_json without_obsolete(ordered_json document) {
  for (auto name : {"lastProcessedEventNumber", "lastKnownEventNumber"})
    document.erase(name);
  return document;
}

ordered_json without_obsolete_of_each(ordered_json documents) {
  for (auto& document : documents)
    document = without_obsolete(std::move(document));
  return documents;
}

} // namespace

std::string status_of(const group_info& info) {
  if (info.loading)
    return "NotReady";
  std::string flags;
  auto add = [&](bool set, std::string_view name) {
    if (set)
      flags.append(flags.empty() ? "" : ", ").append(name);
  };
  add(!info.live, "Behind");
  add(info.reading, "OutstandingPageRequest");
  add(info.replaying, "ReplayingParkedMessages");
  add(info.live, "Live");
  return flags;
}

void sort_groups(group_infos& infos) {
  std::sort(infos.begin(), infos.end(), [](auto& x, auto& y) {
    return std::tie(x.key.stream, x.created_order)
           < std::tie(y.key.stream, y.created_order);
  });
}

std::string envelope_json(std::string_view result, std::string_view reason) {
  auto out = envelope(result, reason);
  out["msgTypeId"] = 0;
  return text_of(out);
}

std::string envelope_xml(std::string_view result, std::string_view reason) {
  return to_xml_document("CommandCompleted", envelope(result, reason));
}

std::string info_json(std::string_view base, const group_info& info) {
  return text_of(info_of(base, info));
}

std::string info_xml(std::string_view base, const group_info& info) {
  return to_xml_document("SubscriptionInfo",
                         without_obsolete(info_of(base, info)));
}

std::string summaries_json(std::string_view base, const group_infos& infos) {
  return text_of(summaries(base, infos.begin(), infos.end()));
}

std::string summaries_xml(std::string_view base, const group_infos& infos) {
  return to_xml_document(
    "ArrayOfSubscriptionSummary",
    without_obsolete_of_each(summaries(base, infos.begin(), infos.end())));
}

std::string summaries_page_json(std::string_view base, const group_infos& infos,
                                std::size_t offset, std::size_t count) {
  return text_of(page_of(base, infos, offset, count));
}

std::string summaries_page_xml(std::string_view base, const group_infos& infos,
                               std::size_t offset, std::size_t count) {
  auto page = page_of(base, infos, offset, count);
  auto& groups = page["subscriptions"];
  groups = without_obsolete_of_each(std::move(groups));
  return to_xml_document("PagedSubscriptionInfo", page);
}

} // namespace callboard
