// Errors of the routes that are our own: application/problem+json (RFC 9457).
#pragma once

#include "actors/core/error.hpp"
#include "net/http.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace callboard {

inline constexpr std::string_view problem_type = "application/problem+json";

/// `slug` is the stable name of the kind of problem, in kebab-case
/// ("stale-lease"): `type` is `urn:callboard:problem:<slug>`, `title` its
/// words. `detail` names the cause and what to do; `extra`, an object, holds
/// the fields to act on. 503 and 429 say `Retry-After: 1`.
http_answer problem(http_status status, std::string_view slug,
                    std::string_view detail, const nlohmann::json& extra);
http_answer problem(http_status status, std::string_view slug,
                    std::string_view detail);

/// What an actor could not do. `what` names the thing that `not_found` and
/// `already_exists` are about ("group g of stream s").
http_answer problem(errc code, std::string_view what);

} // namespace callboard
