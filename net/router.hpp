// From a path and a verb to a handler, with the refusals that come before it.
#pragma once

#include "net/http.hpp"
#include "net/negotiation.hpp"

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Who may use a route (spec 7.3). The router only knows `anyone`; the others
/// are for `door::authorize`.
enum class access_rule : std::uint8_t {
  anyone,
  signed_in,
  administrators,
  operators,      // administrators too
  read_stream,    // by the stream's ACL; its name is the parameter `stream`
  consume_stream, // signed in and read_stream
  write_stream,
  delete_stream,
  read_metadata,
  write_metadata,
  read_all, // as read_stream of `$all`
};

/// A body that is read as one document: settings, a form, a command.
inline constexpr std::size_t document_bytes_max = std::size_t{64} << 10;

/// A body that is events: their own bounds count.
inline constexpr std::size_t events_body = SIZE_MAX;

struct route_options {
  access_rule access = access_rule::anyone;
  /// Body types; none declared: any body with any Content-Type, or nothing.
  /// Static arrays.
  std::span<const media_type> request_types{};
  /// Offered in this order; none declared: no negotiation.
  std::span<const media_type> response_types{};
  /// Longer bodies are refused with 413: their memory is a multiple of them
  /// once they are read.
  std::size_t body_bytes_max = document_bytes_max;
};

enum class verdict : std::uint8_t {
  granted,
  denied,      // 401 with a challenge
  throttled,   // 429: too many logins failed
  unavailable, // cannot be told now: 503
};

/// Goes on with a request, once, at once or later on the executor's thread.
using verdict_then = std::function<void(verdict)>;

/// Who decides who comes in. Both are optional: what is not set lets everybody
/// in. The request lives until `then` has been called or destroyed.
struct door {
  /// Finds out who it is and sets `request.user`.
  std::function<void(http_request&, const http_exchange&, verdict_then)>
    authenticate{};
  /// Decides whether `request.user` may use this route; not asked for `anyone`.
  std::function<void(http_request&, const route_options&, const http_exchange&,
                     verdict_then)>
    authorize{};
};

/// How a router answers what it does not pass on. The defaults are Event
/// Store's (spec 0.1, 0.6).
struct router_manners {
  /// The headers that let browsers of other origins in, on every answer.
  bool cors = true;
  std::function<http_answer(const http_request&)> not_found{};
  /// `allowed`: "GET, POST, OPTIONS".
  std::function<http_answer(const http_request&, std::string_view allowed)>
    method_not_allowed{};
  std::function<http_answer(const http_request&, std::string_view allowed)>
    options{};
};

/// A route table and the order of spec 0.1: authenticate → path (404) →
/// OPTIONS (200) → verb (405) → type and encoding of the body (415) → answer
/// type (406) → authorize (401) → size of the body (413) → handler; an
/// exception in a handler is 500.
///
/// `{name}` stands for one segment, `{name*}` at the end for one or more. A
/// literal beats a placeholder, segment by segment from the left, among the
/// routes that have the verb. A slash at the end makes another route. HEAD is
/// not implied by GET.
///
/// Not thread safe; in practice each io thread has one of its own. Must outlive
/// the requests it serves; one that a `shared_ptr` owns does, for those that
/// wait at the door.
class router : public std::enable_shared_from_this<router> {
public:
  explicit router(door door = {}, router_manners manners = {});
  router(const router&) = delete;
  router& operator=(const router&) = delete;
  ~router();

  /// A route that is there already, or a malformed path, is a programming
  /// error. All routes before the first request.
  void add(http_verb verb, std::string_view path, http_handler handler,
           route_options options = {});

  /// Shows every route as it was added, in that order.
  void each_route(
    const std::function<void(http_verb, std::string_view path)>& visit) const;

  /// Answers, or has the handler answer.
  void serve(http_request& request, const http_exchange& exchange) const;

private:
  struct node;
  struct route;

  static node* enter_segment(node& at, std::string_view segment, route& to);
  void share_verbs(route& added);
  void dispatch(http_request& request, const http_exchange& exchange) const;
  void refuse_verb(const http_request& request,
                   const http_exchange& exchange) const;
  void enter(const route& to, http_request& request,
             const http_exchange& exchange) const;
  void run(const route& to, const http_exchange& exchange) const;

  door door_;
  router_manners manners_;
  std::unique_ptr<node> root_;
  std::vector<std::unique_ptr<route>> routes_;
  std::string_view default_block_; // for answers that belong to no route
};

/// The CORS lines for a path with these verbs ("GET, OPTIONS"); also for what
/// is answered before any routing: `http_options::header_block`.
std::string cors_headers(std::string_view verbs);

/// 401 with a challenge and nothing else: who it is, or what he may, does not
/// do. There is no 403 (spec 7.2).
http_answer denied_answer();

/// 429: too many logins failed, of this user or from this address.
http_answer throttled_answer();

/// A handler that serves by `routes` and keeps it alive.
http_handler serve_by(std::shared_ptr<const router> routes);

} // namespace callboard
