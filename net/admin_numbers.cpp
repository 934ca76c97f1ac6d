// Statistics of the process, its machine and the broker; and the metrics.
#include "net/admin_routes.hpp"
#include "net/ascii.hpp"
#include "net/default_codec.hpp"
#include "net/eventstore_groups.hpp"
#include "net/json_text.hpp"
#include "net/process_stats.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace callboard::admin_routes {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view metrics_type =
  "text/plain; version=0.0.4; charset=utf-8";

/// About how many bytes of the metrics a group takes.
constexpr std::size_t group_metrics_bytes = 4096;

std::string time_text(double seconds) {
  std::string out;
  append_time(out, {static_cast<std::uint64_t>(seconds * 1000)});
  return out;
}

/// Per cent of one core, from the start of the process on.
double cpu_percent(const process_stats& process, wall_time now) {
  auto span_s = static_cast<double>(now.value) / 1000 - process.started_s;
  return span_s <= 0 ? 0 : std::round(1000 * process.cpu_s / span_s) / 10;
}

ordered_json process_part(const admin_services& services,
                          const process_stats& process) {
  std::uint64_t connections = 0;
  for (auto& thread : services.http)
    connections += thread->connections();
  return {{"startTime", time_text(process.started_s)},
          {"id", process.process_id},
          {"mem", process.resident_bytes},
          {"virtualMem", process.virtual_bytes},
          {"cpu", cpu_percent(process, services.node->wall())},
          {"cpuSeconds", process.cpu_s},
          {"threadsCount", process.threads},
          {"openFiles", process.open_files},
          {"diskIo",
           {{"readBytes", process.read_bytes},
            {"writtenBytes", process.written_bytes},
            {"readOps", process.reads},
            {"writeOps", process.writes}}},
          {"tcp", {{"connections", connections}}}};
}

/// The disk that the data is on; nothing if it cannot be asked.
ordered_json drives(const std::string& data) {
  std::error_code failed;
  auto space = std::filesystem::space(data, failed);
  if (failed || space.capacity == 0)
    return ordered_json::object();
  auto used = space.capacity - space.free;
  return {{data,
           {{"availableBytes", space.available},
            {"totalBytes", space.capacity},
            {"usage", std::to_string(100 * used / space.capacity) + "%"},
            {"usedBytes", used}}}};
}

ordered_json system_part(const admin_services& services,
                         const process_stats& process) {
  return {{"loadavg",
           {{"1m", process.load_1m},
            {"5m", process.load_5m},
            {"15m", process.load_15m}}},
          {"freeMem", process.machine_free_bytes},
          {"totalMem", process.machine_memory_bytes},
          {"drive", drives(services.data)}};
}

ordered_json broker_part(const node_services& node) {
  auto& counts = node.counts;
  return {{"events",
           {{"appended", counts.events_appended.load()},
            {"delivered", counts.events_delivered.load()},
            {"settled", counts.events_settled.load()},
            {"retried", counts.events_retried.load()},
            {"parked", counts.events_parked.load()}}},
          {"delayed",
           {{"fired", counts.delayed_fired.load()},
            {"lateMilliseconds", counts.delayed_late_ms_total.load()}}},
          {"writer",
           {{"waitingBytes", node.log->waiting_bytes()},
            {"unflushedBytes", node.db->unflushed_bytes()}}},
          {"progressBreaches", counts.progress_breaches.load()},
          {"rebuilds", counts.rebuilds.load()}};
}

/// `{"a": {"b": 1}}` as `{"a-b": 1}`.
void flatten(const ordered_json& from, const std::string& prefix,
             ordered_json& into) {
  for (auto& [name, value] : from.items())
    if (value.is_object())
      flatten(value, prefix + name + "-", into);
    else
      into[prefix + name] = value;
}

/// Each value with what a page that draws them wants to know.
ordered_json with_metadata(const ordered_json& value,
                           const std::string& category,
                           const std::string& title) {
  if (!value.is_object())
    return {{"value", value},
            {"category", category},
            {"title", title},
            {"drawChart", value.is_number()}};
  auto out = ordered_json::object();
  for (auto& [name, member] : value.items())
    out[name] = with_metadata(member, category.empty() ? name : category, name);
  return out;
}

bool says(const http_request& request, std::string_view name, bool absent) {
  auto text = request.query(name);
  if (!text)
    return absent;
  return absent ? !iequals(*text, "false") : iequals(*text, "true");
}

} // namespace

void stats(const admin_ptr& services, http_request& request,
           const http_exchange& exchange) {
  bool grouped = says(request, "group", true);
  if (!grouped && request.segment_count() > 1)
    return exchange.answer(
      bad_request("Dynamic stats selection works only with grouping enabled"));
  auto process = read_process_stats();
  ordered_json found{{"proc", process_part(*services, process)},
                     {"sys", system_part(*services, process)},
                     {"es", broker_part(*services->node)}};
  for (std::size_t i = 1; i < request.segment_count(); ++i) {
    auto name = request.segment(i);
    auto member = found.is_object() ? found.find(name) : found.end();
    if (member == found.end())
      return exchange.answer(plain_status(http_status::not_found));
    found = ordered_json(*member);
  }
  if (says(request, "metadata", false))
    found = with_metadata(
      found, std::string{request.segment_count() > 1 ? request.segment(1) : ""},
      std::string{request.segment(request.segment_count() - 1)});
  if (!grouped) {
    auto flat = ordered_json::object();
    flatten(found, {}, flat);
    found = std::move(flat);
  }
  auto answer = document_answer(exchange.request(), "Stats", found);
  answer.add_header("Cache-Control", "max-age=1, public");
  exchange.answer(std::move(answer));
}

void metrics(const admin_ptr& services, http_request& request,
             const http_exchange& exchange) {
  auto names = services->names_for_anonymous || request.user != nullptr;
  ask_for<group_infos>(
    services->broker, exchange, services->broker->broker,
    [services, exchange, names](result<group_infos> found) {
      // Without the groups the rest is still worth knowing.
      auto groups = found && names
                      ? std::make_shared<group_infos>(std::move(*found))
                      : nullptr;
      auto cluster =
        services->cluster_metrics ? services->cluster_metrics() : std::string{};
      answer_with(
        services->broker, exchange,
        groups == nullptr ? 0 : groups->size() * group_metrics_bytes, [=] {
          if (groups != nullptr)
            sort_groups(*groups);
          auto text = metrics_text(*services->node, services->http,
                                   groups.get(), read_process_stats());
          return http_answer{.content_type = metrics_type,
                             .body = text + cluster};
        });
    },
    describe_atom_v);
}

} // namespace callboard::admin_routes
