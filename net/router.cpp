// A trie of path segments, and the refusals in the order of spec 0.1.
#include "net/router.hpp"

#include "actors/core/limits.hpp"
#include "net/ascii.hpp"

#include <algorithm>
#include <cassert>
#include <mutex>
#include <set>
#include <utility>

namespace callboard {

struct router::route {
  http_verb verb;
  std::string path;                  // as it was added
  std::vector<std::string> segments; // "" stands for any
  std::vector<placeholder> placeholders;
  bool trailing_slash = false;
  bool rest = false; // the last segment stands for one or more
  http_handler handler;
  route_options options;
  std::vector<http_verb> verbs; // of this path
  std::string_view header_block;
};

struct router::node {
  using routes = std::vector<const route*>;

  std::map<std::string, std::unique_ptr<node>, std::less<>> literals;
  std::unique_ptr<node> any;
  routes here;
  routes here_slash;
  routes rest;

  /// Shows `visit` the routes of every path that matches, most literal first,
  /// until it returns true.
  template <class Visit>
  bool walk(const http_request& request, std::size_t depth,
            Visit&& visit) const {
    if (depth == request.segment_count())
      return visit(request.trailing_slash() ? here_slash : here);
    auto literal = literals.find(request.segment(depth));
    if (literal != literals.end()
        && literal->second->walk(request, depth + 1, visit))
      return true;
    if (any && any->walk(request, depth + 1, visit))
      return true;
    return visit(rest);
  }
};

namespace {

constexpr std::string_view cors_constant =
  "Access-Control-Allow-Headers: Content-Type, X-Requested-With, "
  "X-Forwarded-Host, X-Forwarded-Prefix, X-PINGOTHER, Authorization, "
  "ES-LongPoll, ES-ExpectedVersion, ES-EventId, ES-EventType, "
  "ES-RequireMaster, ES-RequireLeader, ES-HardDelete, ES-ResolveLinkTos, "
  "ES-TrustedAuth, Kurrent-LongPoll, Kurrent-ExpectedVersion, "
  "Kurrent-EventId, Kurrent-EventType, Kurrent-RequireLeader, "
  "Kurrent-HardDelete, Kurrent-ResolveLinkTos, Kurrent-TrustedAuth, "
  "Consumer-Name, Delay, Deliver-At, Give-Up-At, Idempotency-Key, "
  "Last-Event-ID, Prefer, Lease\r\n"
  "Access-Control-Allow-Origin: *\r\n"
  "Access-Control-Expose-Headers: Location, ES-Position, "
  "ES-CurrentVersion, Kurrent-Position, Kurrent-CurrentVersion, Lease, "
  "Durability, Retry-After\r\n";

std::string list(const std::vector<http_verb>& verbs) {
  std::string out;
  for (auto verb : verbs)
    out.append(boost::beast::http::to_string(verb)).append(", ");
  return out + "OPTIONS";
}

void insert_once(std::vector<http_verb>& verbs, http_verb verb) {
  if (std::find(verbs.begin(), verbs.end(), verb) == verbs.end())
    verbs.push_back(verb);
}

http_answer unavailable() {
  auto out = plain_status(http_status::service_unavailable);
  out.add_header("Retry-After", "1");
  return out;
}

/// The same text, for as long as the process lives: an answer may still be on
/// its way to its connection when the routes that it comes from have ended, as
/// those of a leader do. There are some dozen texts, however often that
/// happens.
std::string_view lasting(std::string block) {
  static auto& mutex = *new std::mutex;
  static auto& all = *new std::set<std::string>;
  std::lock_guard lock{mutex};
  return *all.insert(std::move(block)).first;
}

/// True if the verdict lets the request in; else answers it.
bool admits(verdict v, const http_exchange& exchange) {
  switch (v) {
    case verdict::granted: return true;
    case verdict::denied: exchange.answer(denied_answer()); return false;
    case verdict::throttled: exchange.answer(throttled_answer()); return false;
    case verdict::unavailable: exchange.answer(unavailable()); return false;
  }
  return false;
}

/// Several headers of one name count as one list.
std::optional<std::string_view> accept(const http_request& request,
                                       std::string& joined) {
  if (request.header_count(http_field::accept) <= 1)
    return request.header(http_field::accept);
  joined = request.header_list(http_field::accept);
  return joined;
}

/// Nobody unpacks bodies: what is compressed would be stored as the event
/// itself, or read as no settings at all. Nothing: this one is as it is.
std::optional<http_answer> refuse_encoded(const http_request& request) {
  if (request.body.empty())
    return std::nullopt;
  auto encoding = request.header_list(http_field::content_encoding);
  if (encoding.empty() || iequals(encoding, "identity"))
    return std::nullopt;
  return refuse({415, "Content-Encoding is '" + encoding
                        + "'; bodies are taken as they are, uncompressed"});
}

} // namespace

std::string cors_headers(std::string_view verbs) {
  return std::string{"Access-Control-Allow-Methods: "}
    .append(verbs)
    .append("\r\n")
    .append(cors_constant);
}

router::router(door door, router_manners manners)
    : door_(std::move(door)), manners_(std::move(manners)),
      root_(std::make_unique<node>()) {
  if (manners_.cors)
    default_block_ = lasting(cors_headers("OPTIONS"));
  if (!manners_.not_found)
    manners_.not_found = [](auto&) {
      return plain_status(http_status::not_found);
    };
  if (!manners_.method_not_allowed)
    manners_.method_not_allowed = [](auto&, auto) {
      return plain_status(http_status::method_not_allowed);
    };
  if (!manners_.options)
    manners_.options = [](auto&, auto) { return http_answer{}; };
}

router::~router() = default;

void router::add(http_verb verb, std::string_view path, http_handler handler,
                 route_options options) {
  assert(path.starts_with('/') && verb != http_verb::options);
  auto added = std::make_unique<route>();
  added->verb = verb;
  added->path = path;
  added->handler = std::move(handler);
  added->options = options;
  added->trailing_slash = path.ends_with('/');
  if (added->trailing_slash)
    path.remove_suffix(1);
  auto* at = root_.get();
  while (!path.empty()) {
    path.remove_prefix(1);
    auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    assert(!segment.empty() && !added->rest);
    at = enter_segment(*at, segment, *added);
  }
  auto& routes = added->rest             ? at->rest
                 : added->trailing_slash ? at->here_slash
                                         : at->here;
  assert(std::none_of(routes.begin(), routes.end(),
                      [verb](auto* other) { return other->verb == verb; }));
  routes.push_back(added.get());
  routes_.push_back(std::move(added));
  share_verbs(*routes_.back());
}

router::node* router::enter_segment(node& at, std::string_view segment,
                                    route& to) {
  if (!segment.starts_with('{')) {
    to.segments.emplace_back(segment);
    auto& next = at.literals[to.segments.back()];
    if (!next)
      next = std::make_unique<node>();
    return next.get();
  }
  assert(segment.ends_with('}'));
  auto name = segment.substr(1, segment.size() - 2);
  to.rest = name.ends_with('*');
  if (to.rest)
    name.remove_suffix(1);
  to.placeholders.push_back({std::string{name}, to.segments.size()});
  to.segments.emplace_back();
  if (to.rest)
    return &at; // its routes hang on the node before
  if (!at.any)
    at.any = std::make_unique<node>();
  return at.any.get();
}

void router::share_verbs(route& added) {
  // Whatever matches `special` also matches `general`.
  auto covers = [](const route& general, const route& special) {
    auto count = general.segments.size();
    bool length_fits =
      general.rest ? special.segments.size() >= count
                   : special.segments.size() == count && !special.rest
                       && general.trailing_slash == special.trailing_slash;
    return length_fits
           && std::equal(general.segments.begin(), general.segments.end(),
                         special.segments.begin(),
                         [](auto& g, auto& s) { return g.empty() || g == s; });
  };
  for (auto& other : routes_) {
    if (covers(*other, added))
      insert_once(added.verbs, other->verb);
    if (covers(added, *other))
      insert_once(other->verbs, added.verb);
    if (manners_.cors)
      other->header_block = lasting(cors_headers(list(other->verbs)));
  }
}

void router::each_route(
  const std::function<void(http_verb, std::string_view)>& visit) const {
  for (auto& one : routes_)
    visit(one->verb, one->path);
}

void router::serve(http_request& request, const http_exchange& exchange) const {
  exchange.set_header_block(default_block_);
  if (!door_.authenticate)
    return dispatch(request, exchange);
  auto self = weak_from_this().lock();
  door_.authenticate(request, exchange, [this, self, exchange](verdict v) {
    if (admits(v, exchange))
      dispatch(exchange.request(), exchange);
  });
}

void router::dispatch(http_request& request,
                      const http_exchange& exchange) const {
  const route* found = nullptr;
  bool known = false;
  root_->walk(request, 0, [&](auto& routes) {
    known = known || !routes.empty();
    for (auto* candidate : routes)
      if (candidate->verb == request.method)
        found = candidate;
    return found != nullptr;
  });
  if (found != nullptr)
    return enter(*found, request, exchange);
  if (!known)
    return exchange.answer(manners_.not_found(request));
  refuse_verb(request, exchange);
}

void router::refuse_verb(const http_request& request,
                         const http_exchange& exchange) const {
  std::vector<http_verb> verbs;
  root_->walk(request, 0, [&](auto& routes) {
    for (auto* candidate : routes)
      insert_once(verbs, candidate->verb);
    return false;
  });
  auto allowed = list(verbs);
  auto out = request.method == http_verb::options
               ? manners_.options(request, allowed)
               : manners_.method_not_allowed(request, allowed);
  if (manners_.cors) {
    exchange.set_header_block({}); // it would repeat these
    out.headers += cors_headers(allowed);
  }
  exchange.answer(std::move(out));
}

void router::enter(const route& to, http_request& request,
                   const http_exchange& exchange) const {
  exchange.set_header_block(to.header_block);
  request.placeholders = to.placeholders;
  if (auto refused = refuse_encoded(request))
    return exchange.answer(std::move(*refused));
  auto& options = to.options;
  if (!options.request_types.empty()) {
    request.request_type = choose_request_type(
      request.header(http_field::content_type), options.request_types);
    if (request.request_type == nullptr)
      return exchange.answer(plain_status(http_status::unsupported_media_type,
                                          "Invalid or missing Content-Type"));
  }
  if (!options.response_types.empty()) {
    std::string joined;
    request.response_type = choose_response_type(
      accept(request, joined), request.query("format"), options.response_types);
    if (request.response_type == nullptr)
      return exchange.answer(
        plain_status(http_status::not_acceptable,
                     "Requested URI is not available in requested format"));
  }
  if (options.access == access_rule::anyone || !door_.authorize)
    return run(to, exchange);
  auto self = weak_from_this().lock();
  door_.authorize(request, options, exchange,
                  [this, self, exchange, &to](verdict v) {
                    if (admits(v, exchange))
                      run(to, exchange);
                  });
}

void router::run(const route& to, const http_exchange& exchange) const {
  auto bytes = exchange.request().body.size();
  auto most = to.options.body_bytes_max;
  if (bytes > most)
    return exchange.answer(
      refuse({413, "The body has " + std::to_string(bytes) + " bytes; at most "
                     + std::to_string(most) + " are allowed here."}));
  guard(exchange, [&] { to.handler(exchange.request(), exchange); });
}

http_answer denied_answer() {
  auto out = plain_status(http_status::unauthorized);
  out.add_header("WWW-Authenticate", R"(BasicCustom realm="ES")");
  return out;
}

http_answer throttled_answer() {
  using std::chrono::seconds;
  auto out = plain_status(http_status::too_many_requests);
  out.content_type = media::text.content_type;
  out.body = "Too many wrong passwords for this login, or from this address: "
             "nothing was checked, try again later.";
  out.add_header("Retry-After",
                 std::to_string(std::chrono::duration_cast<seconds>(
                                  limits::login_failure_forgotten)
                                  .count()));
  return out;
}

http_handler serve_by(std::shared_ptr<const router> routes) {
  return [routes = std::move(routes)](http_request& request,
                                      const http_exchange& exchange) {
    routes->serve(request, exchange);
  };
}

} // namespace callboard
