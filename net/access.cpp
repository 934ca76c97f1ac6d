// Ask once, remember for a while, let requests with the same login wait
// together.
#include "net/access.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/core/topics.hpp"
#include "net/ask.hpp"
#include "net/credentials.hpp"

#include <sodium/crypto_generichash.h>
#include <sodium/randombytes.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

/// Events of `$settings` that are looked at, the newest first.
constexpr std::size_t settings_events_max = 100;

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

/// A login counts before what a proxy says of it, a wrong one too (spec 0.1).
bool has_login(const http_request& request) {
  return read_credentials(request).what != credentials::kind::none;
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

default_acls newest_defaults(const event_page& settings) {
  for (auto& one : settings.events)
    if (is_settings_type(one.original->type))
      return parse_default_acls(one.original->data);
  return {};
}

/// What the ACL of a part does not say, that of its topic does.
stream_acl completed(stream_acl part, const stream_acl& topic) {
  for (std::size_t i = 0; i < part.rights.size(); ++i)
    if (!part.rights[i])
      part.rights[i] = topic.rights[i];
  return part;
}

verdict granted_if(bool yes) {
  return yes ? verdict::granted : verdict::denied;
}

} // namespace

access_control::access_control(access_sources sources, access_options options,
                               std::shared_ptr<access_shared> shared)
    : sources_(std::move(sources)), options_(std::move(options)),
      shared_(std::move(shared)) {
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
  if (options_.trusted_header && !has_login(request))
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
  auto epoch = shared_->users.load();
  auto known = logins_.find(hash);
  if (known != logins_.end() && known->second.epoch == epoch
      && known->second.until > options_.now())
    return then(granted_if(known->second.user != nullptr), known->second.user);
  bool known_good = known != logins_.end() && known->second.user != nullptr;
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
  if (!begin_password_check()) {
    auto refused = std::move(pending_.extract(key).mapped());
    // No user has changed since that passed: who floods us keeps nobody out.
    if (known_good && known->second.epoch == epoch)
      return refused.front()(verdict::granted, known->second.user);
    return refused.front()(verdict::unavailable, nullptr);
  }
  ask<login_reply>(
    sources_.asker, exchange.executor(), sources_.login,
    [self = shared_from_this(), key](result<login_reply> outcome) {
      self->on_login(key, std::move(outcome));
    },
    login_atom_v,
    login_request{std::move(who.login), std::move(who.password),
                  failure_name(exchange.request().remote_address), known_good});
}

bool access_control::begin_password_check() {
  if (shared_->password_checks.fetch_add(1) < limits::password_checks_max)
    return true;
  --shared_->password_checks;
  return false;
}

void access_control::on_login(const pending_key& key,
                              result<login_reply> outcome) {
  --shared_->password_checks;
  user_ptr user;
  auto v = verdict::unavailable;
  if (outcome && outcome->what == login_outcome::throttled)
    v = verdict::throttled;
  else if (outcome) {
    if (outcome->what == login_outcome::granted)
      user = std::make_shared<const principal>(std::move(outcome->who));
    v = granted_if(user != nullptr);
    auto kept = user != nullptr ? limits::login_kept : limits::refusal_kept;
    keep(key.first, {user, key.second, options_.now() + kept});
  }
  auto waiting = std::move(pending_.extract(key).mapped());
  for (auto& then : waiting)
    then(v, user);
}

void access_control::prepare_password(
  password_request what, const http_executor& executor,
  std::function<void(result<password_proof>)> then) {
  if (!begin_password_check())
    return then(errc::overloaded);
  what.address = failure_name(what.address);
  ask<password_proof>(
    sources_.asker, executor, sources_.login,
    [shared = shared_, then = std::move(then)](result<password_proof> outcome) {
      --shared->password_checks;
      then(std::move(outcome));
    },
    hash_atom_v, std::move(what));
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
  make_room(logins_, limits::logins_kept_max, options_.now());
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
    case access_rule::read_all:
      return check_stream(who, access_rule::read_stream, all_stream,
                          exchange.executor(), std::move(then));
  }
  check_stream(who, route.access, request.parameter("stream"),
               exchange.executor(), std::move(then));
}

void access_control::check_stream(const principal* who, access_rule rule,
                                  std::string_view stream,
                                  const http_executor& executor,
                                  verdict_then then) {
  auto asked = question_about(stream, rule);
  // All names of a stream are one to who decides.
  auto name = canonical_stream(sources_.placement, asked.stream);
  asked.stream = name;
  if (auto decided = decided_without_acl(who, asked))
    return then(granted_if(*decided));
  if (who == nullptr && !options_.anonymous_streams)
    return then(verdict::denied);
  auto* acl = known_acl_of(name);
  auto* defaults = known_default_acls();
  if (acl != nullptr && defaults != nullptr)
    return then(granted_if(allows(*acl, *defaults, who, asked)));
  auto check = std::make_shared<const stream_check>(stream_check{
    who != nullptr ? std::make_optional(*who) : std::nullopt, std::move(name),
    asked.right, shared_->streams.load(), executor, std::move(then)});
  if (acl != nullptr)
    return find_defaults(check, *acl);
  find_acl(check, check->stream, {});
}

const stream_acl*
access_control::known_acl_of(const std::string& stream) const {
  static const stream_acl none;
  if (stream.size() > limits::key_bytes_max)
    return &none; // there is no such stream
  auto known = acls_.find(stream);
  return known != acls_.end() && known->second.epoch == shared_->streams.load()
             && known->second.until > options_.now()
           ? &known->second.acl
           : nullptr;
}

const default_acls* access_control::known_default_acls() const {
  return defaults_.epoch == shared_->streams.load()
             && defaults_.until > options_.now()
           ? &defaults_.acls
           : nullptr;
}

/// Asks the stream, then the topic that it is a part of.
void access_control::find_acl(const stream_check_ptr& check,
                              const std::string& stream,
                              const stream_acl& of_part) {
  ask<stream_description>(
    sources_.asker, check->executor, home_of(stream),
    [self = shared_from_this(), check, stream,
     of_part](result<stream_description> found) {
      if (!found)
        return check->then(verdict::unavailable);
      auto acl =
        completed(of_part, found->head ? parse_acl(found->head->policy.acl)
                                       : stream_acl{});
      auto topic = part_of(self->sources_.placement, stream).topic;
      if (stream == check->stream && topic != stream && !topic.empty())
        return self->find_acl(check, topic, acl);
      make_room(self->acls_, limits::acls_kept_max, self->options_.now());
      self->acls_.insert_or_assign(
        check->stream,
        known_acl{acl, check->epoch, self->options_.now() + limits::acl_kept});
      self->find_defaults(check, acl);
    },
    describe_atom_v, stream);
}

void access_control::find_defaults(const stream_check_ptr& check,
                                   const stream_acl& acl) {
  auto decide = [check, acl](const default_acls& defaults) {
    auto* who = check->who ? &*check->who : nullptr;
    check->then(
      granted_if(allows(acl, defaults, who, {check->stream, check->right})));
  };
  if (auto* known = known_default_acls())
    return decide(*known);
  read_request newest{std::string{settings_stream}, std::nullopt,
                      settings_events_max, direction::backward, false};
  auto& home = home_of(newest.stream);
  ask<event_page_ptr>(
    sources_.asker, check->executor, home,
    [self = shared_from_this(), check, decide,
     epoch = shared_->streams.load()](result<event_page_ptr> page) {
      if (!page)
        return check->then(verdict::unavailable);
      self->defaults_ = {newest_defaults(**page), epoch,
                         self->options_.now() + limits::acl_kept};
      decide(self->defaults_.acls);
    },
    read_atom_v, std::move(newest));
}

const partition_actor& access_control::home_of(std::string_view stream) const {
  return sources_.partitions
    ->partitions[sources_.placement.home_of(stream).value];
}

} // namespace callboard
