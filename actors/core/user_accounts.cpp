// One row a user; the passwords were hashed before.
#include "actors/core/user_accounts.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

user_accounts::decision no_change(user_outcome why) {
  return {{why}, {}};
}

bool administers(const user_row& row) {
  return !row.disabled
         && std::find(row.groups.begin(), row.groups.end(), "$admins")
              != row.groups.end();
}

/// The row as a command other than create leaves it; the verb tells which
/// members count.
user_row changed(const user_row& old, const user_command& what) {
  auto row = old;
  switch (what.verb) {
    case user_verb::update:
      row.full_name = what.full_name.value_or(row.full_name);
      row.groups = what.groups.value_or(row.groups);
      break;
    case user_verb::enable: row.disabled = false; break;
    case user_verb::disable: row.disabled = true; break;
    case user_verb::reset_password:
    case user_verb::change_password:
      row.password_hash = what.password.hash;
      break;
    case user_verb::create:
    case user_verb::remove: break;
  }
  return row;
}

/// Why the passwords of a command do not do for this user, or done.
user_outcome judge(const user_row& row, const user_command& what) {
  auto& password = what.password;
  if (what.verb == user_verb::change_password) {
    if (password.compared_with != row.password_hash)
      return user_outcome::try_again;
    if (!password.matches)
      return user_outcome::wrong_password;
  }
  auto sets = what.verb == user_verb::change_password
              || what.verb == user_verb::reset_password;
  return sets && password.hash.empty() ? user_outcome::try_again
                                       : user_outcome::done;
}

} // namespace

void user_accounts::load(std::string login, user_row row) {
  users_.insert_or_assign(std::move(login), std::move(row));
}

user_accounts::decision user_accounts::decide(const user_command& what,
                                              wall_time wall) {
  switch (what.verb) {
    case user_verb::create: return create(what, wall);
    case user_verb::remove: return remove(what.login);
    case user_verb::update:
    case user_verb::enable:
    case user_verb::disable:
    case user_verb::reset_password:
    case user_verb::change_password: break;
  }
  return change(what, wall);
}

user_accounts::decision user_accounts::create(const user_command& what,
                                              wall_time wall) {
  auto full_name = what.full_name.value_or("");
  auto groups = what.groups.value_or(std::vector<std::string>{});
  auto found = users_.find(what.login);
  if (found != users_.end()) {
    auto& row = found->second;
    if (row.full_name != full_name || row.groups != groups)
      return no_change(user_outcome::conflict);
    if (what.password.compared_with != row.password_hash)
      return no_change(user_outcome::try_again);
    return no_change(what.password.matches ? user_outcome::done
                                           : user_outcome::conflict);
  }
  if (what.password.hash.empty())
    return no_change(user_outcome::try_again); // it was there a moment ago
  if (users_.size() >= limits::users_max)
    return no_change(user_outcome::too_many);
  user_row row{std::move(full_name), std::move(groups), what.password.hash,
               false, wall};
  decision out;
  out.what.changes.emplace_back(put_user{what.login, row});
  users_.emplace(what.login, std::move(row));
  return out;
}

user_accounts::decision user_accounts::change(const user_command& what,
                                              wall_time wall) {
  auto found = users_.find(what.login);
  if (found == users_.end())
    return no_change(user_outcome::not_found);
  auto& row = found->second;
  if (auto why = judge(row, what); why != user_outcome::done)
    return no_change(why);
  auto after = changed(row, what);
  if (after == row)
    return {};
  if (is_last_admin(row) && !administers(after))
    return no_change(user_outcome::last_admin);
  after.updated = wall;
  row = after;
  decision out;
  out.what.changes.emplace_back(put_user{what.login, std::move(after)});
  return out;
}

user_accounts::decision user_accounts::remove(std::string_view login) {
  auto found = users_.find(login);
  if (found == users_.end())
    return no_change(user_outcome::not_found);
  if (is_last_admin(found->second))
    return no_change(user_outcome::last_admin);
  decision out;
  out.what.changes.emplace_back(erase_user{found->first});
  users_.erase(found);
  return out;
}

bool user_accounts::is_last_admin(const user_row& row) const {
  return administers(row)
         && std::none_of(users_.begin(), users_.end(), [&row](auto& other) {
              return &other.second != &row && administers(other.second);
            });
}

} // namespace callboard
