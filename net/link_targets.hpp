// Links may lead to streams that their reader has no right to (spec 6.7).
#pragma once

#include "actors/core/requests.hpp"
#include "net/eventstore_services.hpp"

#include <functional>
#include <set>
#include <string>

namespace callboard {

/// Goes on with those of the streams that the client may not read. Errors:
/// unavailable (nobody can say now).
void find_unreadable(
  const services_ptr& services, const http_exchange& exchange,
  const std::set<std::string>& targets,
  const std::function<void(const result<std::set<std::string>>&)>& then);

/// Goes on if the client may read all of them, else 401.
void after_checking_targets(const services_ptr& services,
                            const http_exchange& exchange,
                            const std::set<std::string>& targets,
                            const std::function<void()>& then);

/// Whether the batch has events of streams other than its group's: who may
/// consume that may not read these for it.
bool leads_elsewhere(const group_key& key, const delivery_batch& batch);

/// Goes on with what the client may see of the batch: a link to a stream that
/// it may not read stays a link, and can be settled as one. If nobody can say
/// now, all of it is given back and the batch is empty.
void hide_targets(const services_ptr& services, const http_exchange& exchange,
                  const group_key& key, const delivery_batch_ptr& batch,
                  const std::function<void(const delivery_batch_ptr&)>& then);

} // namespace callboard
