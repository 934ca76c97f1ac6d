// Passwords: argon2id through libsodium.
#pragma once

#include "actors/node.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <string>

namespace callboard {

/// An encoded argon2id hash with its own salt; takes tens of milliseconds.
/// Errors: `unavailable` if there is no memory for it.
result<std::string> hash_password(const std::string& password);

/// Whether `hash` is one of `password`; takes as long.
bool is_hash_of(const std::string& hash, const std::string& password);

/// Spawn detached in the broker. Reads users from the store, so a changed
/// password counts from its commit on. Owns the budgets of failed logins.
login_actor::behavior_type login_behavior(login_actor::pointer self,
                                          node_ptr node);

} // namespace callboard
