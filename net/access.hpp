// Who comes in: logins and their cache, and the rights to streams.
#pragma once

#include "actors/core/ring.hpp"
#include "actors/interfaces.hpp"
#include "net/router.hpp"
#include "net/stream_acl.hpp"

#include <caf/actor.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace callboard {

/// Shared by all threads.
struct access_shared {
  // Each grows when something changes that decisions were made on; all threads
  // then forget what they keep.
  std::atomic<std::uint64_t> users{0};
  std::atomic<std::uint64_t> streams{0};
  /// Passwords that the login actor was asked about and has not answered.
  std::atomic<std::size_t> password_checks{0};
};

struct access_options {
  bool anonymous_streams = true; // without a login, streams as their ACL says
  bool trusted_header = false;   // ES-TrustedAuth says who it is
  bool everybody_is_admin = false;
  std::function<std::chrono::steady_clock::time_point()> now = [] {
    return std::chrono::steady_clock::now();
  };
};

/// Whom to ask; shared by what runs on one io thread.
struct access_sources {
  caf::actor asker; // of this thread
  login_actor login;
  std::shared_ptr<const routing_table> partitions;
  ring placement;
};

/// The door of one io thread (spec 7). Checking a password takes tens of
/// milliseconds on purpose, so who passed is remembered for a minute, by a
/// keyed hash of the header: no password is kept. Whose hash passed before is
/// checked again without being throttled. ACLs are remembered for a second, and
/// forgotten at once when this node writes metadata or `$settings`. All calls
/// on its thread; make it with `std::make_shared`.
class access_control : public std::enable_shared_from_this<access_control> {
public:
  access_control(access_sources sources, access_options options,
                 std::shared_ptr<access_shared> shared);

  /// For the router of this thread. Keeps this object alive.
  door make_door();

  /// Whether `who` (null: anonymous) may do this to a stream: for what only
  /// turns out on the way, such as the targets of links. `rule` is one of those
  /// about streams. `then` runs at once or later on the executor.
  void check_stream(const principal* who, access_rule rule,
                    std::string_view stream, const http_executor& executor,
                    verdict_then then);

  /// Compares and hashes the passwords of a command, for users who may give it;
  /// `then` runs on the executor. Errors: overloaded (too many passwords wait).
  void prepare_password(password_request what, const http_executor& executor,
                        std::function<void(result<password_proof>)> then);

  /// Metadata or `$settings` was written, or may have been, or a stream was
  /// deleted.
  void stream_changed() { ++shared_->streams; }

  /// A user was changed, or may have been.
  void users_changed() { ++shared_->users; }

private:
  using time_point = std::chrono::steady_clock::time_point;
  using header_hash = std::array<unsigned char, 16>;
  using pending_key = std::pair<header_hash, std::uint64_t>;
  using user_ptr = std::shared_ptr<const principal>;

  struct known_login {
    user_ptr user; // null: refused
    std::uint64_t epoch = 0;
    time_point until;
  };

  struct known_acl {
    stream_acl acl; // of a part: with what its topic's says
    std::uint64_t epoch = 0;
    time_point until;
  };

  struct known_defaults {
    default_acls acls;
    std::uint64_t epoch = 0;
    time_point until; // long ago: never read
  };

  /// A question about a stream that waits for what is not known yet.
  struct stream_check {
    std::optional<principal> who; // the request's user may be gone by then
    std::string stream;
    stream_right right;
    std::uint64_t epoch; // what is found out is of then
    http_executor executor;
    verdict_then then;
  };

  using stream_check_ptr = std::shared_ptr<const stream_check>;

  /// Runs with the outcome of a login: who it is, or why not.
  using login_then = std::function<void(verdict, user_ptr)>;

  void authenticate(http_request& request, const http_exchange& exchange,
                    verdict_then then);
  void authorize(const http_request& request, const route_options& route,
                 const http_exchange& exchange, verdict_then then);
  void log_in(std::string_view header, const http_exchange& exchange,
              login_then then);
  void on_login(const pending_key& key, result<login_reply> outcome);
  bool begin_password_check();
  header_hash hash_of(std::string_view header) const;
  void keep(const header_hash& hash, known_login login);
  const stream_acl* known_acl_of(const std::string& stream) const;
  const default_acls* known_default_acls() const;
  void find_acl(const stream_check_ptr& check, const std::string& stream,
                const stream_acl& of_part);
  void find_defaults(const stream_check_ptr& check, const stream_acl& acl);
  const partition_actor& home_of(std::string_view stream) const;

  access_sources sources_;
  access_options options_;
  std::shared_ptr<access_shared> shared_;
  std::array<unsigned char, 32> hash_key_;
  std::map<header_hash, known_login> logins_;
  // By header and epoch: who comes after a change must not join an older check.
  std::map<pending_key, std::vector<login_then>> pending_;
  std::unordered_map<std::string, known_acl> acls_;
  known_defaults defaults_;
};

} // namespace callboard
