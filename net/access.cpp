// Ask once, remember for a while, let requests with the same login wait
// together.
#include "net/access.hpp"

#include "actors/core/limits.hpp"
#include "net/ask.hpp"
#include "net/credentials.hpp"

#include <sodium/crypto_generichash.h>
#include <sodium/randombytes.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

using namespace std::chrono_literals;

constexpr auto login_kept = 60s;
/// A client that repeats a wrong password must not occupy the only actor that
/// can check passwords.
constexpr auto refusal_kept = 1s;
constexpr auto acl_kept = 1s;
constexpr std::size_t logins_kept_max = 10'000;
constexpr std::size_t acls_kept_max = 10'000;
/// Passwords that wait for being checked, a thread.
constexpr std::size_t logins_pending_max = 64;

/// `user; group1, group2` (spec 7.1).
principal parse_trusted(std::string_view text) {
  auto trimmed = [](std::string_view part) {
    auto first = part.find_first_not_of(' ');
    return first == std::string_view::npos
             ? std::string{}
             : std::string{
                 part.substr(first, part.find_last_not_of(' ') + 1 - first)};
  };
  auto semicolon = text.find(';');
  principal out{trimmed(text.substr(0, semicolon)), {}};
  while (semicolon != std::string_view::npos) {
    text.remove_prefix(semicolon + 1);
    semicolon = text.find(',');
    if (auto group = trimmed(text.substr(0, semicolon)); !group.empty())
      out.groups.push_back(std::move(group));
  }
  return out;
}

template <class Map>
void make_room(Map& map, std::size_t most,
               std::chrono::steady_clock::time_point now) {
  if (map.size() < most)
    return;
  std::erase_if(map, [now](auto& item) { return item.second.until <= now; });
  if (map.size() >= most)
    map.clear();
}

verdict granted_if(bool yes) {
  return yes ? verdict::granted : verdict::denied;
}

} // namespace

access_control::access_control(access_sources sources, access_options options,
                               std::shared_ptr<access_epochs> epochs)
    : sources_(std::move(sources)), options_(std::move(options)),
      epochs_(std::move(epochs)) {
  randombytes_buf(hash_key_.data(), hash_key_.size());
}

door access_control::make_door() {
  auto self = shared_from_this();
  return {[self](http_request& request, const http_exchange& exchange,
                 verdict_then then) {
            self->authenticate(request, exchange, std::move(then));
          },
          [self](http_request& request, const route_options& route,
                 const http_exchange& exchange, verdict_then then) {
            self->authorize(request, route, exchange, std::move(then));
          }};
}

void access_control::authenticate(http_request& request,
                                  const http_exchange& exchange,
                                  verdict_then then) {
  if (options_.everybody_is_admin) {
    static const auto admin = std::make_shared<const principal>(
      principal{"admin", {"$admins", "$ops"}});
    request.user = admin;
    return then(verdict::granted);
  }
  if (options_.trusted_header)
    if (auto header = es_header(request, "TrustedAuth")) {
      auto user = parse_trusted(header->value);
      if (user.login.empty())
        return then(verdict::denied);
      request.user = std::make_shared<const principal>(std::move(user));
      return then(verdict::granted);
    }
  auto header = request.header(http_field::authorization);
  if (!header || request.header_count(http_field::authorization) != 1)
    return then(verdict::granted); // anonymous
  log_in(*header, exchange,
         [exchange, then = std::move(then)](verdict v, user_ptr user) {
           exchange.request().user = std::move(user);
           then(v);
         });
}

void access_control::log_in(std::string_view header,
                            const http_exchange& exchange, login_then then) {
  auto hash = hash_of(header);
  auto epoch = epochs_->users.load();
  if (auto known = logins_.find(hash); known != logins_.end()
                                       && known->second.epoch == epoch
                                       && known->second.until > options_.now())
    return then(granted_if(known->second.user != nullptr), known->second.user);
  auto who = read_credentials(exchange.request());
  switch (who.what) {
    case credentials::kind::none: return then(verdict::granted, nullptr);
    case credentials::kind::broken: return then(verdict::denied, nullptr);
    case credentials::kind::basic: break;
  }
  pending_key key{hash, epoch};
  auto& waiting = pending_[key];
  waiting.push_back(std::move(then));
  if (waiting.size() > 1)
    return; // the same login is being checked
  if (pending_.size() > logins_pending_max) {
    auto refused = std::move(pending_.extract(key).mapped());
    return refused.front()(verdict::unavailable, nullptr);
  }
  ask<std::optional<principal>>(
    sources_.asker, exchange.executor(), sources_.login,
    [self = shared_from_this(), key](result<std::optional<principal>> outcome) {
      self->on_login(key, std::move(outcome));
    },
    login_atom_v, login_request{std::move(who.login), std::move(who.password)});
}

void access_control::on_login(const pending_key& key,
                              result<std::optional<principal>> outcome) {
  user_ptr user;
  auto v = verdict::unavailable;
  if (outcome) {
    if (auto& who = *outcome)
      user = std::make_shared<const principal>(std::move(*who));
    v = granted_if(user != nullptr);
    auto kept = user != nullptr ? login_kept : refusal_kept;
    keep(key.first, {user, key.second, options_.now() + kept});
  }
  auto waiting = std::move(pending_.extract(key).mapped());
  for (auto& then : waiting)
    then(v, user);
}

access_control::header_hash
access_control::hash_of(std::string_view header) const {
  header_hash out{};
  crypto_generichash(out.data(), out.size(),
                     reinterpret_cast<const unsigned char*>(header.data()),
                     header.size(), hash_key_.data(), hash_key_.size());
  return out;
}

void access_control::keep(const header_hash& hash, known_login login) {
  make_room(logins_, logins_kept_max, options_.now());
  logins_.insert_or_assign(hash, std::move(login));
}

void access_control::authorize(const http_request& request,
                               const route_options& route,
                               const http_exchange& exchange,
                               verdict_then then) {
  auto* who = request.user.get();
  switch (route.access) {
    case access_rule::anyone: return then(verdict::granted);
    case access_rule::signed_in: return then(granted_if(who != nullptr));
    case access_rule::administrators:
      return then(granted_if(is_in_group(who, "$admins")));
    case access_rule::operators:
      return then(
        granted_if(is_in_group(who, "$admins") || is_in_group(who, "$ops")));
    case access_rule::consume_stream:
      if (who == nullptr)
        return then(verdict::denied);
      break;
    case access_rule::read_stream:
    case access_rule::write_stream:
    case access_rule::delete_stream:
    case access_rule::read_metadata:
    case access_rule::write_metadata: break;
  }
  check_stream(who, route.access, request.parameter("stream"),
               exchange.executor(), std::move(then));
}

void access_control::check_stream(const principal* who, access_rule rule,
                                  std::string_view stream,
                                  const http_executor& executor,
                                  verdict_then then) {
  auto asked = question_about(stream, rule);
  if (auto decided = decided_without_acl(who, asked))
    return then(granted_if(*decided));
  if (who == nullptr && !options_.anonymous_streams)
    return then(verdict::denied);
  if (asked.stream.size() > limits::key_bytes_max) // there is no such stream
    return then(granted_if(allows({}, who, asked)));
  auto epoch = epochs_->streams.load();
  std::string name{asked.stream};
  if (auto known = acls_.find(name); known != acls_.end()
                                     && known->second.epoch == epoch
                                     && known->second.until > options_.now())
    return then(granted_if(allows(known->second.acl, who, asked)));
  auto& home =
    sources_.partitions->partitions[sources_.placement.home_of(name).value];
  // The user may be gone by then, with its request.
  auto user = who != nullptr ? std::make_optional(*who) : std::nullopt;
  ask<stream_description>(
    sources_.asker, executor, home,
    [self = shared_from_this(), name, right = asked.right, epoch,
     user = std::move(user),
     then = std::move(then)](result<stream_description> found) {
      if (!found)
        return then(verdict::unavailable);
      auto acl =
        found->head ? parse_acl(found->head->policy.acl) : stream_acl{};
      auto* asker = user ? &*user : nullptr;
      auto v = granted_if(allows(acl, asker, {name, right}));
      make_room(self->acls_, acls_kept_max, self->options_.now());
      self->acls_.insert_or_assign(
        name,
        known_acl{std::move(acl), epoch, self->options_.now() + acl_kept});
      then(v);
    },
    describe_atom_v, name);
}

} // namespace callboard
