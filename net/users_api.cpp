// A change: parse, hash on the login actor, decide in the partition, answer.
#include "net/users_api.hpp"

#include "actors/core/limits.hpp"
#include "net/default_codec.hpp"
#include "net/route_table.hpp"
#include "net/users_json.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>

namespace callboard {

namespace {

/// How often a change begins anew because the user was changed meanwhile.
constexpr int tries_max = 3;

/// A command on its way; lives until it is answered.
struct pending_change {
  services_ptr services;
  http_exchange exchange;
  user_command what;
  std::string password{};         // the new one; empty: there is none
  std::string current_password{}; // change_password
  int tries = 1;
};

using change_ptr = std::shared_ptr<pending_change>;

const partition_actor& home_of_users(const eventstore_services& services) {
  return services.partitions->partitions[0];
}

http_answer nobody(const http_request& request) {
  auto out = document_answer(request, user_root, no_user_json());
  out.status = http_status::not_found;
  return out;
}

http_answer put_off(std::string_view why) {
  auto out = plain_status(http_status::service_unavailable);
  out.content_type = media::text.content_type;
  out.body = why;
  out.add_header("Retry-After", "1");
  return out;
}

http_answer told(const pending_change& change, std::string_view error) {
  return document_answer(change.exchange.request(), user_result_root,
                         user_result_json(change.what.login, error));
}

http_answer succeeded(const pending_change& change) {
  auto out = told(change, "Success");
  if (change.what.verb == user_verb::create) {
    out.status = http_status::created;
    out.add_header("Location",
                   user_uri(change.services->base(change.exchange.request()),
                            change.what.login));
  }
  return promised(*change.services, std::move(out));
}

/// The answer, by the names that Event Store has for how it ended.
http_answer answer_for(const pending_change& change, user_outcome outcome) {
  auto failed = [&](std::string_view error, http_answer out) {
    auto document = told(change, error);
    out.content_type = document.content_type;
    out.body = std::move(document.body);
    return out;
  };
  switch (outcome) {
    case user_outcome::done: return succeeded(change);
    case user_outcome::not_found:
      return failed("NotFound", plain_status(http_status::not_found));
    case user_outcome::conflict:
      return failed("Conflict", plain_status(http_status::conflict));
    case user_outcome::wrong_password:
      return failed("Unauthorized", denied_answer());
    case user_outcome::last_admin:
      return bad_request("'" + change.what.login
                         + "' is the last user that is enabled and in $admins: "
                           "make another one first.");
    case user_outcome::too_many:
      return bad_request("There are " + std::to_string(limits::users_max)
                         + " users, and more are not allowed.");
    case user_outcome::try_again: return failed("TryAgain", put_off({}));
  }
  return plain_status(http_status::internal_server_error);
}

void prepare(const change_ptr& change);

void decide(const change_ptr& change) {
  ask_for<user_reply>(
    change->services, change->exchange, home_of_users(*change->services),
    [change](const result<user_reply>& reply) {
      // Without a reply it may have happened all the same.
      if (!reply || reply->outcome == user_outcome::done)
        change->services->access->users_changed();
      if (!reply)
        return change->exchange.answer(error_answer(reply.error()));
      if (reply->outcome == user_outcome::try_again
          && change->tries++ < tries_max)
        return prepare(change);
      change->exchange.answer(answer_for(*change, reply->outcome));
    },
    user_atom_v, change->what);
}

/// Hashes and compares the passwords, if there are any.
void prepare(const change_ptr& change) {
  if (change->password.empty())
    return decide(change);
  auto& exchange = change->exchange;
  change->services->access->prepare_password(
    {change->what.verb, change->what.login, change->current_password,
     change->password, exchange.request().remote_address},
    exchange.executor(), [change](result<password_proof> proof) {
      if (!proof)
        return change->exchange.answer(
          proof.error() == errc::overloaded
            ? put_off("Too many passwords wait for being checked: nothing was "
                      "changed, try again.")
            : error_answer(proof.error()));
      if (proof->throttled)
        return change->exchange.answer(throttled_answer());
      change->what.password = std::move(*proof);
      decide(change);
    });
}

void begin(const services_ptr& services, const http_exchange& exchange,
           user_command what, user_form form = {}) {
  what.full_name = std::move(form.full_name);
  what.groups = std::move(form.groups);
  prepare(std::make_shared<pending_change>(pending_change{
    services, exchange, std::move(what), std::move(form.password),
    std::move(form.current_password)}));
}

std::string login_of(const http_request& request) {
  return std::string{request.parameter("login")};
}

void make(const services_ptr& services, http_request& request,
          const http_exchange& exchange) {
  auto form = parse_new_user(request.body, *request.request_type);
  if (!admitted(form, exchange))
    return;
  user_command what{.verb = user_verb::create, .login = form->login};
  begin(services, exchange, std::move(what), std::move(*form));
}

template <user_verb Verb>
void change_by_body(const services_ptr& services, http_request& request,
                    const http_exchange& exchange) {
  auto login = login_of(request);
  constexpr auto own = Verb == user_verb::change_password;
  if (own && request.user->login != login)
    return exchange.answer(denied_answer()); // not even for administrators
  constexpr auto parse = own ? parse_password_change
                         : Verb == user_verb::reset_password
                           ? parse_password_reset
                           : parse_user_details;
  auto form = parse(request.body, *request.request_type);
  if (!admitted(form, exchange))
    return;
  begin(services, exchange, {.verb = Verb, .login = std::move(login)},
        std::move(*form));
}

template <user_verb Verb>
void act(const services_ptr& services, http_request& request,
         const http_exchange& exchange) {
  begin(services, exchange, {.verb = Verb, .login = login_of(request)});
}

void tell_one(const services_ptr& services, const http_exchange& exchange,
              const std::string& login) {
  if (login.empty()) // to the partition this means: all
    return exchange.answer(nobody(exchange.request()));
  ask_for<user_infos>(
    services, exchange, home_of_users(*services),
    [services, exchange](const result<user_infos>& found) {
      auto& request = exchange.request();
      if (!found)
        return exchange.answer(error_answer(found.error()));
      exchange.answer(found->empty()
                        ? nobody(request)
                        : document_answer(request, user_root,
                                          user_json(services->base(request),
                                                    found->front())));
    },
    users_atom_v, login);
}

void one(const services_ptr& services, http_request& request,
         const http_exchange& exchange) {
  auto login = login_of(request);
  auto* who = request.user.get();
  if (!is_in_group(who, "$admins") && who->login != login)
    return exchange.answer(denied_answer());
  tell_one(services, exchange, login);
}

void current(const services_ptr& services, http_request& request,
             const http_exchange& exchange) {
  tell_one(services, exchange, request.user->login);
}

void all(const services_ptr& services, http_request&,
         const http_exchange& exchange) {
  ask_for<user_infos>(
    services, exchange, home_of_users(*services),
    [services, exchange](const result<user_infos>& found) {
      auto& request = exchange.request();
      exchange.answer(
        found ? document_answer(request, users_root,
                                users_json(services->base(request), *found))
              : error_answer(found.error()));
    },
    users_atom_v, std::string{});
}

} // namespace

void add_users_routes(router& routes, const services_ptr& services) {
  using enum access_rule;
  using enum user_verb;
  constexpr auto get = http_verb::get;
  constexpr auto post = http_verb::post;
  constexpr auto put = http_verb::put;
  constexpr auto erase = http_verb::delete_;
  route_options managed{administrators, {}, default_types};
  route_options managed_by_body{administrators, default_types, default_types};
  route_options own{signed_in, {}, default_types};
  route_options own_by_body{signed_in, default_types, default_types};
  route_table<eventstore_services> add{routes, services};
  // clang-format off
  add(get,   "/users", all, managed);
  add(get,   "/users/", all, managed);
  add(post,  "/users", make, managed_by_body);
  add(post,  "/users/", make, managed_by_body);
  add(get,   "/users/$current", current, own);
  add(get,   "/users/{login}", one, own); // oneself, or an administrator
  add(put,   "/users/{login}", change_by_body<update>, managed_by_body);
  add(erase, "/users/{login}", act<remove>, managed);
  add(post,  "/users/{login}/command/enable", act<enable>, managed);
  add(post,  "/users/{login}/command/disable", act<disable>, managed);
  add(post,  "/users/{login}/command/reset-password", change_by_body<reset_password>, managed_by_body);
  add(post,  "/users/{login}/command/change-password", change_by_body<change_password>, own_by_body);
  // clang-format on
}

} // namespace callboard
