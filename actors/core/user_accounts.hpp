// Who may log in: the decider of users.
#pragma once

#include "actors/core/requests.hpp"

#include <map>
#include <string>
#include <string_view>

namespace callboard {

/// Decides changes of users (spec 6.12). Logins differ if any byte does.
///
///     (absent) --create--> enabled <--enable, disable--> disabled
///        ^                     `---- remove ----'
///
/// Two commands that contradict each other cannot both succeed: the second is
/// decided on top of the first. A decision changes the accounts at once; if its
/// record cannot be recorded the shell drops this whole object.
/// Invariant: once somebody enabled is in `$admins`, somebody always is.
/// Deterministic: no I/O, no clock, no threads; its actor serialises calls.
class user_accounts {
public:
  /// Takes a stored row.
  void load(std::string login, user_row row);

  /// What was decided; an empty record: nothing has to be written.
  struct decision {
    user_reply reply{};
    record what{};
  };

  /// `password` of the command must be what was prepared for its verb;
  /// `try_again` if it was prepared for a user that has changed since.
  decision decide(const user_command& what, wall_time wall);

private:
  decision create(const user_command& what, wall_time wall);
  decision change(const user_command& what, wall_time wall);
  decision remove(std::string_view login);
  bool is_last_admin(const user_row& row) const;

  std::map<std::string, user_row, std::less<>> users_;
};

} // namespace callboard
