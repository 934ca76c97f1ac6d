// Members in the order in which people read them.
#include "net/problem.hpp"

#include "net/status.hpp"

#include <nlohmann/json.hpp>

#include <cctype>

namespace callboard {

namespace {

/// "stale-lease" as "Stale lease".
std::string title_of(std::string_view slug) {
  std::string out{slug};
  for (auto& c : out)
    if (c == '-')
      c = ' ';
  if (!out.empty())
    out[0] = char(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

std::string_view slug_of(errc code) noexcept {
  switch (code) {
    case errc::none: return "none";
    case errc::invalid_argument: return "invalid-request";
    case errc::not_found: return "not-found";
    case errc::already_exists: return "already-exists";
    case errc::wrong_version: return "wrong-expected-version";
    case errc::stream_deleted: return "stream-deleted";
    case errc::too_large: return "too-large";
    case errc::too_many_in_flight: return "too-many-in-flight";
    case errc::overloaded: return "overloaded";
    case errc::timed_out: return "timed-out";
    case errc::unavailable: return "unavailable";
    case errc::storage_full: return "storage-full";
    case errc::storage_failed: return "storage-failed";
    case errc::corrupt: return "corrupt";
    case errc::locked: return "locked";
    case errc::unknown_format: return "unknown-format";
  }
  return "none";
}

std::string detail_of(errc code, std::string_view what) {
  if (code == errc::not_found)
    return "There is no " + std::string{what} + ".";
  if (code == errc::already_exists)
    return "There is a " + std::string{what} + " already.";
  if (code == errc::stream_deleted)
    return "The stream was deleted for ever.";
  return std::string{cause_of(code)};
}

} // namespace

http_answer problem(http_status status, std::string_view slug,
                    std::string_view detail, const nlohmann::json& extra) {
  nlohmann::ordered_json body;
  body["type"] = "urn:callboard:problem:" + std::string{slug};
  body["title"] = title_of(slug);
  body["status"] = unsigned(status);
  body["detail"] = detail;
  for (auto& [name, value] : extra.items())
    body[name] = value;
  http_answer out{
    .status = status,
    .content_type = problem_type,
    .body = body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)};
  out.body.push_back('\n');
  add_retry_after(out);
  return out;
}

http_answer problem(http_status status, std::string_view slug,
                    std::string_view detail) {
  return problem(status, slug, detail, nlohmann::json::object());
}

http_answer problem(errc code, std::string_view what) {
  return problem(to_status(code), slug_of(code), detail_of(code, what));
}

} // namespace callboard
