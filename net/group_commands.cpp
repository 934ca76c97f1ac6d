// Create, update, remove, replay: each answers with an envelope.
#include "net/default_codec.hpp"
#include "net/eventstore_groups.hpp"
#include "net/eventstore_request.hpp"
#include "net/eventstore_settings.hpp"
#include "net/subscription_routes.hpp"
#include "net/url.hpp"

#include <string>
#include <utility>

namespace callboard::subscription_routes {

namespace {

http_answer envelope(const http_request& request, http_status status,
                     std::string_view result, std::string_view reason) {
  auto& type = *request.response_type;
  return {.status = status,
          .content_type = type.content_type,
          .body = type.is_xml() ? envelope_xml(result, reason)
                                : envelope_json(result, reason)};
}

http_answer no_group(const http_request& request, const group_key& key) {
  return envelope(request, http_status::not_found, "DoesNotExist",
                  "Group '" + key.group + "' does not exist.");
}

/// Create and update tell where the group is, also if they fail (spec 1.3).
http_answer located(const services_ptr& services, const http_request& request,
                    const group_key& key, http_answer answer) {
  answer.add_header("Location", services->base(request) + "/subscriptions/"
                                  + escape_lightly(key.stream) + "/"
                                  + escape_lightly(key.group));
  return answer;
}

http_answer failed(const http_request& request, std::string_view reason) {
  return envelope(request, http_status::bad_request, "Fail", reason);
}

void answer_command(const services_ptr& services, const http_exchange& exchange,
                    const group_command& what, errc outcome) {
  auto& request = exchange.request();
  auto& key = what.key;
  auto creates = what.verb == group_verb::create;
  if (outcome == errc::none)
    return exchange.answer(promised(
      *services,
      located(services, request, key,
              envelope(request,
                       creates ? http_status::created : http_status::ok,
                       "Success", ""))));
  if (outcome == errc::already_exists)
    return exchange.answer(
      located(services, request, key,
              envelope(request, http_status::conflict, "AlreadyExists",
                       "Group '" + key.group + "' already exists.")));
  if (outcome == errc::not_found)
    return exchange.answer(
      located(services, request, key, no_group(request, key)));
  exchange.answer(error_answer(outcome));
}

void command(const services_ptr& services, const http_exchange& exchange,
             const group_command& what) {
  auto& home = services->home_of(what.key.stream);
  ask_for<group_info>(
    services, exchange, home,
    [=](const result<group_info>& done) {
      answer_command(services, exchange, what,
                     done ? errc::none : done.error());
    },
    command_atom_v, what);
}

/// Settings that no group can have; but a group that is not there is told
/// first (spec 1.4).
void refuse_update(const services_ptr& services, const http_exchange& exchange,
                   const group_key& key, const std::string& reason) {
  ask_for<group_info>(
    services, exchange, services->home_of(key.stream),
    [=](const result<group_info>& found) {
      auto& request = exchange.request();
      if (!found && found.error() != errc::not_found)
        return exchange.answer(error_answer(found.error()));
      exchange.answer(
        located(services, request, key,
                found ? failed(request, reason) : no_group(request, key)));
    },
    info_atom_v, key);
}

/// The checks of spec 1.3 and 1.4, then the command.
void change_settings(const services_ptr& services,
                     const http_exchange& exchange, group_verb verb) {
  auto& request = exchange.request();
  auto settings = request.request_type->is_xml()
                    ? parse_xml_group_settings(request.body)
                    : parse_group_settings(request.body);
  if (!admitted(settings, exchange))
    return;
  auto key = key_of(services, request);
  if (auto reason = stream_refusal(key.stream); !reason.empty())
    return exchange.answer(
      located(services, request, key, failed(request, reason)));
  if (!admitted(check_group_names(key), exchange))
    return;
  auto reason = settings_refusal(*settings);
  if (reason.empty())
    return command(services, exchange,
                   {std::move(key), verb, std::move(*settings), {}});
  if (verb == group_verb::update)
    return refuse_update(services, exchange, key, reason);
  exchange.answer(located(services, request, key, failed(request, reason)));
}

} // namespace

void create(const services_ptr& services, http_request&,
            const http_exchange& exchange) {
  change_settings(services, exchange, group_verb::create);
}

void update(const services_ptr& services, http_request&,
            const http_exchange& exchange) {
  change_settings(services, exchange, group_verb::update);
}

void remove(const services_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto key = key_of(services, request);
  if (auto reason = stream_refusal(key.stream); !reason.empty())
    return exchange.answer(failed(request, reason));
  auto& home = services->home_of(key.stream);
  ask_for<group_info>(
    services, exchange, home,
    [=](const result<group_info>& done) {
      auto& asked = exchange.request();
      if (done)
        return exchange.answer(
          promised(*services, envelope(asked, http_status::ok, "Success", "")));
      exchange.answer(done.error() == errc::not_found
                        ? no_group(asked, key)
                        : error_answer(done.error()));
    },
    command_atom_v, group_command{key, group_verb::remove, {}, {}});
}

/// Groups are built from their rows again: leases and attempts are among them.
void restart(const services_ptr& services, http_request&,
             const http_exchange& exchange) {
  ask_for<bool>(
    services, exchange, services->broker,
    [=](const result<bool>& begun) {
      if (!begun)
        return exchange.answer(error_answer(begun.error()));
      exchange.answer(
        text_answer(exchange.request(), http_status::ok, "Restarting"));
    },
    restart_atom_v);
}

void replay_parked(const services_ptr& services, http_request& request,
                   const http_exchange& exchange) {
  auto key = key_of(services, request);
  group_command what{key, group_verb::replay_parked, {}, {}};
  if (auto text = request.query("stopAt")) {
    auto stop_at = parse_integer(*text);
    if (!stop_at || *stop_at < 0)
      return exchange.answer(
        plain_status(http_status::bad_request,
                     "stopAt should be a properly formed positive long"));
    what.stop_at = event_number{static_cast<std::uint64_t>(*stop_at)};
  }
  auto& home = services->home_of(key.stream);
  ask_for<group_info>(
    services, exchange, home,
    [=](const result<group_info>& done) {
      auto& asked = exchange.request();
      if (done)
        return exchange.answer(
          promised(*services, envelope(asked, http_status::ok, "Success", "")));
      if (done.error() != errc::not_found)
        return exchange.answer(error_answer(done.error()));
      exchange.answer(
        envelope(asked, http_status::not_found, "DoesNotExist",
                 "Unable to locate '" + key.stream + "::" + key.group + "'"));
    },
    command_atom_v, std::move(what));
}

} // namespace callboard::subscription_routes
