// What a member does to its disk before it starts, and the first configuration.
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

#include <new>

namespace callboard {

using namespace engine;

hard_state state_for_start(raft_id self, const stored_log& log) {
  std::string newest;
  if (log.snapshot)
    newest = log.snapshot->configuration;
  for (auto& e : log.entries)
    if (e.kind == entry_kind::configuration)
      newest = *e.payload;
  if (newest.empty())
    return log.state;
  auto configuration = decode(newest);
  std::vector<raft_id> voters;
  for (unsigned i = 0; i < configuration.n; ++i)
    if (configuration.servers[i].role == RAFT_VOTER)
      voters.push_back(configuration.servers[i].id);
  raft_configuration_close(&configuration);
  if (voters != std::vector{self})
    return log.state;
  return {log.state.term + 1, self};
}

std::string encode_voters(std::span<const raft_id> voters) {
  raft_configuration configuration;
  raft_configuration_init(&configuration);
  for (auto id : voters)
    if (raft_configuration_add(&configuration, id, address_of(id).c_str(),
                               RAFT_VOTER)
        != 0)
      throw std::bad_alloc{};
  auto out = encode(configuration);
  raft_configuration_close(&configuration);
  return out;
}

} // namespace callboard
