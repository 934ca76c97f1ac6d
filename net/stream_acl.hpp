// Who may do what to a stream, by its ACL (spec 7.4): no I/O.
#pragma once

#include "actors/core/requests.hpp"
#include "net/refusal.hpp"
#include "net/router.hpp"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// What can be done to a stream; the members `$r`, `$w`, `$d`, `$mr`, `$mw`.
enum class stream_right : std::uint8_t {
  read,
  write,
  erase,
  read_metadata,
  write_metadata,
};

/// The ACL of one stream; a member that is not there leaves the right to the
/// defaults.
struct stream_acl {
  using roles = std::vector<std::string>;
  std::array<std::optional<roles>, 5> rights;

  friend bool operator==(const stream_acl&, const stream_acl&) = default;
};

/// Reads what `stream_policy::acl` holds; nothing readable is an empty ACL.
stream_acl parse_acl(std::string_view text);

/// Refuses a member of an object by its name if it is no ACL. One that is
/// missing or null is fine: some clients write what is not set as null.
accepted<void> check_acl(const nlohmann::json& object, const std::string& name);

/// What counts where a stream's ACL says nothing. Members that are not there
/// leave the right to everybody, and of system streams to administrators.
struct default_acls {
  stream_acl user;   // of ordinary streams
  stream_acl system; // of those whose name begins with `$`

  friend bool operator==(const default_acls&, const default_acls&) = default;
};

/// The stream that holds them: the newest event of such a type counts.
inline constexpr std::string_view settings_stream = "$settings";
bool is_settings_type(std::string_view event_type) noexcept;

/// Reads the data of such an event: `$userStreamAcl`, `$systemStreamAcl`. One
/// that is no ACL says nothing, as if it were not there.
default_acls parse_default_acls(std::string_view text);

/// Refuses an event of such a type for `$settings` that says something else
/// than ACLs: whoever wrote it relies on it. Others pass.
accepted<void> check_settings(std::string_view stream, const new_event& e);

/// The stream whose ACL counts, and the right that it has to give: for `$$S`
/// that is S, and its metadata.
struct acl_question {
  std::string_view stream;
  stream_right right = stream_right::read;
};

/// `rule` is one of those about streams.
acl_question question_about(std::string_view stream, access_rule rule) noexcept;

bool is_in_group(const principal* who, std::string_view group) noexcept;

/// What needs no ACL: administrators may do everything, but nobody may write to
/// or delete `$all`. Nothing: the ACL decides.
std::optional<bool> decided_without_acl(const principal* who,
                                        const acl_question& asked) noexcept;

/// Whether the ACL, or else the default of such a stream, gives the right.
/// Null: anonymous.
bool allows(const stream_acl& acl, const default_acls& defaults,
            const principal* who, const acl_question& asked) noexcept;

} // namespace callboard
