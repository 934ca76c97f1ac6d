// One question after the other: what was asked lately is known.
#include "net/link_targets.hpp"

#include "net/eventstore_formats.hpp"
#include "net/group_routes.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace callboard {

namespace {

struct target_check {
  services_ptr services;
  http_exchange exchange;
  std::vector<std::string> targets;
  std::function<void(const result<std::set<std::string>>&)> then;
  std::set<std::string> unreadable{};
};

void check_targets(const std::shared_ptr<target_check>& check,
                   std::size_t next) {
  if (next == check->targets.size())
    return check->then(std::move(check->unreadable));
  auto& target = check->targets[next];
  check->services->access->check_stream(
    check->exchange.request().user.get(), access_rule::read_stream, target,
    check->exchange.executor(), [check, &target, next](verdict v) {
      if (v == verdict::unavailable)
        return check->then(errc::unavailable);
      if (v != verdict::granted)
        check->unreadable.insert(target);
      check_targets(check, next + 1);
    });
}

bool is_elsewhere(const group_key& key, const delivery& one) {
  return one.what.through_link() && one.what.target != key.stream;
}

} // namespace

void find_unreadable(
  const services_ptr& services, const http_exchange& exchange,
  const std::set<std::string>& targets,
  const std::function<void(const result<std::set<std::string>>&)>& then) {
  if (targets.empty())
    return then(std::set<std::string>{});
  check_targets(std::make_shared<target_check>(
                  services, exchange,
                  std::vector<std::string>{targets.begin(), targets.end()},
                  then),
                0);
}

void after_checking_targets(const services_ptr& services,
                            const http_exchange& exchange,
                            const std::set<std::string>& targets,
                            const std::function<void()>& then) {
  find_unreadable(services, exchange, targets,
                  [=](const result<std::set<std::string>>& unreadable) {
                    if (!unreadable)
                      return exchange.answer(error_answer(unreadable.error()));
                    if (!unreadable->empty())
                      return exchange.answer(denied_answer());
                    then();
                  });
}

bool leads_elsewhere(const group_key& key, const delivery_batch& batch) {
  return std::any_of(batch.events.begin(), batch.events.end(),
                     [&](auto& one) { return is_elsewhere(key, one); });
}

void hide_targets(const services_ptr& services, const http_exchange& exchange,
                  const group_key& key, const delivery_batch_ptr& batch,
                  const std::function<void(const delivery_batch_ptr&)>& then) {
  std::set<std::string> targets;
  for (auto& one : batch->events)
    if (is_elsewhere(key, one))
      targets.insert(one.what.target);
  find_unreadable(services, exchange, targets,
                  [=](const result<std::set<std::string>>& unreadable) {
                    if (unreadable && unreadable->empty())
                      return then(batch);
                    auto shown = std::make_shared<delivery_batch>();
                    if (unreadable)
                      *shown = *batch;
                    else
                      group_routes::give_back(services, key, *batch);
                    for (auto& one : shown->events)
                      if (is_elsewhere(key, one)
                          && unreadable->count(one.what.target) > 0) {
                        one.what.resolved = one.what.original;
                        one.what.target.clear();
                      }
                    then(shown);
                  });
}

} // namespace callboard
