// Prefixes by comparison, patterns by RE2; nothing of either goes elsewhere.
#include "net/event_filters.hpp"

#include "net/ascii.hpp"
#include "net/url.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

namespace {

/// Decides about one name: an event's type or its stream's.
using name_test = std::function<bool(std::string_view)>;

/// A compiled pattern takes at most so much memory; RE2 refuses larger ones.
constexpr std::int64_t pattern_bytes_max = std::int64_t{1} << 20;

refusal bad(std::string_view name, std::optional<std::string_view> found,
            std::string_view allowed) {
  std::string text{name};
  if (found)
    text.append(" is '").append(found->substr(0, 100)).append("'");
  else
    text.append(" is missing");
  return {400, text.append("; allowed: ").append(allowed)};
}

accepted<name_test> prefixes(std::string_view data) {
  std::vector<std::string> all;
  for (bool more = true; more;) {
    auto comma = data.find(',');
    more = comma != std::string_view::npos;
    all.emplace_back(data.substr(0, comma));
    if (all.back().empty())
      return bad("data", std::nullopt, "prefixes, separated by commas");
    if (more)
      data.remove_prefix(comma + 1);
  }
  return name_test{[all = std::move(all)](std::string_view name) {
    return std::any_of(all.begin(), all.end(),
                       [name](auto& one) { return name.starts_with(one); });
  }};
}

accepted<name_test> pattern(std::string_view data) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(pattern_bytes_max);
  auto compiled = std::make_shared<const RE2>(
    re2::StringPiece{data.data(), data.size()}, options);
  if (!compiled->ok())
    return bad("data", data,
               "a regular expression (" + compiled->error() + ")");
  return name_test{[compiled](std::string_view name) {
    return RE2::PartialMatch(re2::StringPiece{name.data(), name.size()},
                             *compiled);
  }};
}

accepted<name_test> read_test(std::optional<std::string_view> type,
                              std::optional<std::string_view> data) {
  bool by_prefix = type && iequals(*type, "prefix");
  if (!by_prefix && (!type || !iequals(*type, "regex")))
    return bad("type", type, "prefix or regex");
  if (!data || data->empty())
    return bad("data", std::nullopt,
               by_prefix ? "prefixes, separated by commas"
                         : "a regular expression");
  return by_prefix ? prefixes(*data) : pattern(*data);
}

std::shared_ptr<const event_filter> make(event_filter wants) {
  return std::make_shared<const event_filter>(std::move(wants));
}

} // namespace

accepted<asked_filter> read_event_filter(const http_request& request) {
  constexpr std::string_view no_system = "exclude-system-events";
  if (auto flag = request.query(no_system)) {
    if (*flag != "true")
      return bad(no_system, flag, "true");
    return asked_filter{make([](std::string_view, const event& e) {
                          return !e.type.starts_with('$');
                        }),
                        "?exclude-system-events=true"};
  }
  auto context = request.query("context");
  bool by_type = context && iequals(*context, "eventtype");
  if (!by_type && (!context || !iequals(*context, "streamid")))
    return bad("context", context, "eventtype or streamid");
  auto type = request.query("type");
  auto data = request.query("data");
  auto test = read_test(type, data);
  if (!test)
    return test.error();
  asked_filter out;
  out.wants = make([by_type, wants = std::move(*test)](std::string_view stream,
                                                       const event& e) {
    return wants(by_type ? std::string_view{e.type} : stream);
  });
  out.query = "?context=" + escape_segment(*context) + "&type="
              + escape_segment(*type) + "&data=" + escape_segment(*data);
  return out;
}

} // namespace callboard
