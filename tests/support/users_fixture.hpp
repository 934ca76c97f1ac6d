// The Event Store dialect with users who log in.
#pragma once

#include "actors/login_actor.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <sodium/utils.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard::test {

inline std::string base64(const std::string& text) {
  std::string out(
    sodium_base64_ENCODED_LEN(text.size(), sodium_base64_VARIANT_ORIGINAL),
    '\0');
  sodium_bin2base64(out.data(), out.size(),
                    reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(), sodium_base64_VARIANT_ORIGINAL);
  out.resize(out.find('\0'));
  return out;
}

/// Requests with a login and a password, and the usual users.
struct users_fixture : dialect_fixture {
  explicit users_fixture(access_options options = {})
      : dialect_fixture(std::move(options)) {
    user_command what{.login = "admin"};
    what.full_name = "Administrator";
    what.groups = std::vector<std::string>{"$admins"};
    what.password.hash = admin_hash();
    w.vt->ask<user_reply>(w.broker.routes->partitions[0], user_atom_v, what)
      .value();
    settle();
  }

  /// The hash of `changeit`, made once: it takes its time.
  static const std::string& admin_hash() {
    static const auto hash = hash_password("changeit").value();
    return hash;
  }

  static headers of(const std::string& credentials) {
    return {{"Authorization", "Basic " + base64(credentials)},
            {"Content-Type", "application/json"}};
  }

  seen_answer as(const std::string& credentials, http_verb verb,
                 std::string_view target, std::string body = {}) {
    return call_as({}, verb, target, of(credentials), std::move(body));
  }

  seen_answer admin(http_verb verb, std::string_view target,
                    std::string body = {}) {
    return as("admin:changeit", verb, target, std::move(body));
  }

  /// Whether these credentials open a door that needs some.
  unsigned knock(const std::string& credentials) {
    return as(credentials, http_verb::get, "/subscriptions").status();
  }
};

} // namespace callboard::test
