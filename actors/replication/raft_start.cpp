// What a member does to its disk before it starts, and the first configuration.
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

namespace callboard {

using namespace engine;

hard_state state_for_start(raft_id self, const stored_log& log) {
  std::string newest;
  if (log.snapshot)
    newest = log.snapshot->configuration;
  auto index = log.first;
  for (auto& e : log.entries)
    if (auto at = index++;
        e.kind == entry_kind::configuration
        && (!log.snapshot || at > log.snapshot->configuration_index))
      newest = *e.payload;
  if (newest.empty())
    return log.state;
  auto configuration = decode(newest);
  auto members = members_of(configuration);
  raft_configuration_close(&configuration);
  std::erase_if(members, [](auto& m) { return m.role != member_role::voter; });
  if (members.size() != 1 || members.front().id != self)
    return log.state;
  return {log.state.term + 1, self};
}

hard_state state_after_loss(raft_id self, entry_term highest) {
  return {highest, self};
}

std::string encode_voters(std::span<const raft_id> voters) {
  std::vector<raft_member> members;
  for (auto id : voters)
    members.push_back({id, member_role::voter, {}});
  return encode(members);
}

std::string encode_members(std::span<const raft_member> members) {
  return encode(members);
}

std::optional<std::vector<raft_member>>
decode_members(const std::string& bytes) {
  if (!is_configuration(bytes))
    return std::nullopt;
  auto configuration = decode(bytes);
  auto out = members_of(configuration);
  raft_configuration_close(&configuration);
  return out;
}

} // namespace callboard
