// Users: the meta partition's other rows.
#include "actors/partition_actor.hpp"

#include <utility>

namespace callboard {

errc partition_state::load_accounts() {
  if (accounts)
    return errc::none;
  auto rows = node->db->users();
  if (!rows)
    return rows.error();
  accounts.emplace();
  for (auto& [login, row] : *rows)
    accounts->load(std::move(login), std::move(row));
  return errc::none;
}

caf::result<user_reply> partition_state::change_user(const user_command& what) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  if (auto why = load_accounts(); why != errc::none)
    return caf::make_error(why);
  auto decided = accounts->decide(what, node->wall());
  auto promise = self->make_response_promise<user_reply>();
  record_or_wait(std::move(decided.what),
                 [promise, reply = decided.reply](errc why, log_index) mutable {
                   if (why != errc::none)
                     promise.deliver(caf::make_error(why));
                   else
                     promise.deliver(reply);
                 });
  return promise;
}

caf::result<user_infos> partition_state::users(std::string login) {
  auto& reader = others.readers[next_reader++ % others.readers.size()];
  return self->delegate(reader, users_atom_v, std::move(login));
}

} // namespace callboard
