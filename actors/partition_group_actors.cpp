// All groups of a partition at once: what they tell, and how their actors end.
#include "actors/partition_actor.hpp"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

namespace callboard {

caf::result<group_infos> partition_state::groups_of(const std::string& stream,
                                                    bool measures) {
  if (rebuilding)
    return caf::make_error(errc::unavailable);

  struct gathering {
    group_infos found;
    std::size_t left = 1;
    caf::typed_response_promise<group_infos> promise;

    void one_less() {
      if (--left > 0)
        return;
      std::sort(found.begin(), found.end(), [](auto& x, auto& y) {
        return std::tie(x.key.stream, x.created_order)
               < std::tie(y.key.stream, y.created_order);
      });
      promise.deliver(std::move(found));
    }
  };

  auto all = std::make_shared<gathering>();
  all->promise = self->make_response_promise<group_infos>();
  auto told = [all](group_info& info) {
    all->found.push_back(std::move(info));
    all->one_less();
  };
  auto ended = [all](const caf::error&) { all->one_less(); };
  for (auto& [its_stream, on_it] : groups)
    if (stream.empty() || its_stream == stream)
      for (auto& [group, entry] : on_it) {
        group_key key{its_stream, group};
        auto actor = serving(key);
        if (!actor)
          continue;
        ++all->left;
        if (measures)
          self->request(*actor, caf::infinite, info_atom_v, key)
            .then(told, ended);
        else
          self->request(*actor, caf::infinite, describe_atom_v, key)
            .then(told, ended);
      }
  auto promise = all->promise;
  all->one_less();
  return promise;
}

caf::result<bool> partition_state::restart_groups() {
  group_restart asked{{}, self->make_response_promise<bool>()};
  for (auto& [stream, on_it] : groups)
    for (auto& [group, entry] : on_it)
      if (entry.actor) {
        asked.actors.insert(entry.actor.id());
        self->send(entry.actor, restart_atom_v);
      }
  auto promise = asked.promise;
  if (asked.actors.empty())
    promise.deliver(true);
  else
    restarts.push_back(std::move(asked));
  return promise;
}

bool partition_state::comes_of_the_let_go() const {
  auto& sender = self->current_sender();
  return !let_go_of.empty() && sender && let_go_of.contains(sender->id());
}

void partition_state::group_ended(caf::actor_id who) {
  let_go_of.erase(who);
  auto key = group_of_actor.extract(who).mapped();
  auto* entry = find(key);
  if (entry != nullptr && entry->actor && entry->actor.id() == who) {
    entry->actor = group_actor{};
    // Its rows are complete once everything it proposed is applied.
    entry->ending = true;
    pipeline->after_all([this, key](errc, log_index) {
      if (auto* again = find(key))
        again->ending = false;
    });
  }
  std::erase_if(restarts, [&](auto& asked) {
    if (asked.actors.erase(who) == 0 || !asked.actors.empty())
      return false;
    pipeline->after_all([promise = asked.promise](errc, log_index) mutable {
      promise.deliver(true);
    });
    return true;
  });
}

} // namespace callboard
