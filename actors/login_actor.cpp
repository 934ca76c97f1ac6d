// Hashing and checking.
#include "actors/login_actor.hpp"

#include <sodium.h>

namespace callboard {

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
  return {
    [node](login_atom,
           const login_request& what) -> caf::result<std::optional<principal>> {
      auto user = node->db->user(what.login);
      if (!user)
        return caf::make_error(user.error());
      if (!*user || (*user)->disabled
          || !is_hash_of((*user)->password_hash, what.password))
        return std::optional<principal>{};
      return std::optional{principal{what.login, (*user)->groups}};
    }};
}

} // namespace callboard
