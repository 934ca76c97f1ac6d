// Users: what bodies ask for, and what is told (spec 6.12).
#pragma once

#include "actors/core/requests.hpp"
#include "net/negotiation.hpp"
#include "net/refusal.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// What a body in JSON or XML says; names in any case, unknown members ignored,
/// numbers taken as texts. A member that the request needs is there and within
/// the bounds of `limits.hpp`; every refusal names the member, what was found
/// and what is allowed. In XML the root holds an element for each member, and
/// `groups` one for each group; an empty one is an empty text or list, one with
/// `xsi:nil="true"` is as if it were not there.
struct user_form {
  std::string login{};
  std::optional<std::string> full_name{};
  std::optional<std::vector<std::string>> groups{};
  std::string password{};
  std::string current_password{};
};

/// `loginName`, `password`, and what may be missing: `fullName`, `groups`.
accepted<user_form> parse_new_user(std::string_view body,
                                   const media_type& type = media::json);

/// `fullName`, `groups`: either may be missing.
accepted<user_form> parse_user_details(std::string_view body,
                                       const media_type& type = media::json);

/// `newPassword`.
accepted<user_form> parse_password_reset(std::string_view body,
                                         const media_type& type = media::json);

/// `currentPassword`, `newPassword`.
accepted<user_form> parse_password_change(std::string_view body,
                                          const media_type& type = media::json);

// What is told, with the root that it has as XML.

inline constexpr std::string_view user_result_root = "UpdateResult";
inline constexpr std::string_view user_root = "UserDetailsResult";
inline constexpr std::string_view users_root = "AllUserDetailsResult";

/// How a command ended: `error` is a name such as `Success` or `NotFound`.
nlohmann::ordered_json user_result_json(std::string_view login,
                                        std::string_view error);

/// One user, with links to what can be done. No password, and no hash.
nlohmann::ordered_json user_json(std::string_view base, const user_info& user);

/// All users, in the order given.
nlohmann::ordered_json users_json(std::string_view base,
                                  const user_infos& users);

/// There is no such user.
nlohmann::ordered_json no_user_json();

/// `<base>/users/<login>`.
std::string user_uri(std::string_view base, std::string_view login);

} // namespace callboard
