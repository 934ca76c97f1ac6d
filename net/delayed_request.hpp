// What requests about delayed messages say, checked; and who may make them.
#pragma once

#include "actors/core/delayed_requests.hpp"
#include "net/eventstore_services.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace callboard {

/// `kind=` (several with commas, or again), `stream=`, `group=`, `from=`,
/// `to=`. Each kind is there once, and the names are no longer than those of
/// streams and groups.
accepted<delayed_filter> read_delayed_filter(const services_ptr& services,
                                             const http_request& request);

/// The filter with `limit=` and `after=`.
accepted<delayed_query> read_delayed_query(const services_ptr& services,
                                           const http_request& request);

/// `due` or `delay` of a body: exactly one. Null: neither is there.
accepted<std::optional<due_time>>
read_new_due(const nlohmann::ordered_json& body);

/// A refusal as a problem.
http_answer refused_problem(const refusal& why);

/// Refuses to move a retry, or the end of a lease, beyond
/// `limits::retry_delay_max`.
http_answer beyond_retry_max();

/// Whether that is an operator, or an administrator.
bool is_operator(const http_request& request) noexcept;

/// Finds what the path's `{id}` names, for who may see it: operators, and of
/// what is scheduled also who may write to its stream. Answers all others.
void with_delayed(const services_ptr& services, const http_exchange& exchange,
                  std::function<void(const delayed_detail_ptr&)> then);

} // namespace callboard
