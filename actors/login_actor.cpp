// Hashing and checking.
#include "actors/login_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/login_throttle.hpp"

#include <sodium.h>

#include <memory>
#include <utility>

namespace callboard {

namespace {

/// What the login actor owns.
class login_desk {
public:
  explicit login_desk(node_ptr node) : node_(std::move(node)) {}

  result<login_reply> log_in(const login_request& what);
  result<password_proof> prepare(const password_request& what);

private:
  result<std::optional<user_row>> find(const std::string& login) const;
  void check_nobody(const std::string& password);

  node_ptr node_;
  login_throttle throttle_;
  std::string nobodys_hash_; // made when it is first needed
};

result<std::optional<user_row>>
login_desk::find(const std::string& login) const {
  if (login.empty() || login.size() > limits::login_bytes_max)
    return std::optional<user_row>{}; // no key of the store
  return node_->db->user(login);
}

/// Takes as long as for somebody, so that time does not tell who has a login.
void login_desk::check_nobody(const std::string& password) {
  if (nobodys_hash_.empty())
    if (auto hash = hash_password("nobody"); hash)
      nobodys_hash_ = std::move(*hash);
  [[maybe_unused]] auto same = is_hash_of(nobodys_hash_, password);
}

result<login_reply> login_desk::log_in(const login_request& what) {
  auto now = node_->now();
  if (!what.known_good && !throttle_.allows(what.login, what.address, now))
    return login_reply{login_outcome::throttled, {}};
  auto user = find(what.login);
  if (!user)
    return user.error();
  if (!*user)
    check_nobody(what.password);
  else if (is_hash_of((*user)->password_hash, what.password)
           && !(*user)->disabled)
    return login_reply{login_outcome::granted,
                       {what.login, std::move((*user)->groups)}};
  throttle_.failed(what.login, what.address, now);
  return login_reply{login_outcome::refused, {}};
}

result<password_proof> login_desk::prepare(const password_request& what) {
  auto changes = what.verb == user_verb::change_password;
  password_proof out;
  if (changes && !throttle_.allows(what.login, what.address, node_->now())) {
    out.throttled = true;
    return out;
  }
  auto user = find(what.login);
  if (!user)
    return user.error();
  if (*user) {
    out.compared_with = (*user)->password_hash;
    if (what.verb == user_verb::reset_password)
      out.matches = true; // whoever may do this needs no password
    else
      out.matches =
        is_hash_of(out.compared_with, changes ? what.current : what.fresh);
  }
  if (changes && *user && !out.matches)
    throttle_.failed(what.login, what.address, node_->now());
  // A create that finds the user, a change that finds none, writes nothing.
  if (what.verb == user_verb::create ? user->has_value() : !out.matches)
    return out;
  auto hash = hash_password(what.fresh);
  if (!hash)
    return hash.error();
  out.hash = std::move(*hash);
  return out;
}

template <class T>
caf::result<T> replied(result<T> outcome) {
  if (!outcome)
    return caf::make_error(outcome.error());
  return std::move(*outcome);
}

} // namespace

result<std::string> hash_password(const std::string& password) {
  if (sodium_init() < 0)
    return errc::unavailable;
  char hash[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str(hash, password.data(), password.size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_MIN * 1024)
      != 0)
    return errc::unavailable;
  return std::string{hash};
}

bool is_hash_of(const std::string& hash, const std::string& password) {
  return crypto_pwhash_str_verify(hash.c_str(), password.data(),
                                  password.size())
         == 0;
}

login_actor::behavior_type login_behavior(login_actor::pointer, node_ptr node) {
  auto desk = std::make_shared<login_desk>(std::move(node));
  return {
    [desk](login_atom, const login_request& what) {
      return replied(desk->log_in(what));
    },
    [desk](hash_atom, const password_request& what) {
      return replied(desk->prepare(what));
    },
  };
}

} // namespace callboard
