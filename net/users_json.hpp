// Users in JSON: what bodies ask for, and what is told (spec 6.12).
#pragma once

#include "actors/core/requests.hpp"
#include "net/refusal.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// What a body says; names in any case, unknown members ignored, numbers taken
/// as texts. A member that the request needs is there and within the bounds of
/// `limits.hpp`; every refusal names the member, what was found and what is
/// allowed.
struct user_form {
  std::string login{};
  std::optional<std::string> full_name{};
  std::optional<std::vector<std::string>> groups{};
  std::string password{};
  std::string current_password{};
};

/// `loginName`, `password`, and what may be missing: `fullName`, `groups`.
accepted<user_form> parse_new_user(std::string_view body);

/// `fullName`, `groups`: either may be missing.
accepted<user_form> parse_user_details(std::string_view body);

/// `newPassword`.
accepted<user_form> parse_password_reset(std::string_view body);

/// `currentPassword`, `newPassword`.
accepted<user_form> parse_password_change(std::string_view body);

/// How a command ended: `error` is a name such as `Success` or `NotFound`.
std::string user_result_json(std::string_view login, std::string_view error);

/// One user, with links to what can be done. No password, and no hash.
std::string user_json(std::string_view base, const user_info& user);

/// All users, in the order given.
std::string users_json(std::string_view base, const user_infos& users);

/// There is no such user.
std::string no_user_json();

/// `<base>/users/<login>`.
std::string user_uri(std::string_view base, std::string_view login);

} // namespace callboard
