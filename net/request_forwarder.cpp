// In, to the leader, and who has waited too long.
#include "net/request_forwarder.hpp"

#include "net/ascii.hpp"
#include "net/random_uuid.hpp"
#include "net/try_again.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace callboard {

namespace {

using namespace std::chrono_literals;

// Looked at so often if nothing waits for a leader.
constexpr std::chrono::milliseconds lazy_interval = 1s;

// Of a request besides its body: header and bookkeeping.
constexpr std::size_t request_overhead_bytes = 1024;

constexpr std::string_view unreachable =
  "The leader cannot be reached at the moment: nothing was recorded. Try "
  "again.";
constexpr std::string_view no_answer =
  "The leader did not answer in time: whether it was recorded is unknown.";
constexpr std::string_view overloaded =
  "Too many requests are being forwarded to the leader: nothing was recorded. "
  "Try again.";

/// Nobody can guess it, so it is not one of this node's last life; it will not
/// come around.
std::uint64_t random_number() {
  auto id = random_uuid();
  std::uint64_t out = 0;
  std::memcpy(&out, id.bytes.data(), sizeof out);
  return out >> 1;
}

/// Whether it may be done twice, or half. A consumer's requests are signs of
/// life and move positions, whatever their verb.
bool changes_nothing(listener to, const http_request& request) {
  bool reads =
    request.method == http_verb::get || request.method == http_verb::head;
  return reads && to != listener::consumer
         && (request.segment_count() == 0
             || request.segment(0) != "subscriptions");
}

bool requires_leader(const http_request& request) {
  for (auto suffix : {"RequireLeader", "RequireMaster"})
    if (auto flag = es_header(request, suffix);
        flag && iequals(flag->value, "true"))
      return true;
  return false;
}

} // namespace

/// What a connection keeps; its end is the connection's.
struct request_forwarder::client {
  std::weak_ptr<request_forwarder> of;
  std::uint64_t id;
  std::optional<node_id> known_to{};

  client(std::weak_ptr<request_forwarder> owner, std::uint64_t number)
      : of(std::move(owner)), id(number) {}

  client(const client&) = delete;
  client& operator=(const client&) = delete;

  ~client() { forget(); }

  void forget() {
    if (auto owner = of.lock(); owner && known_to)
      owner->tell(*known_to, forwarding_frame::client_closed, id);
  }
};

request_forwarder::request_forwarder(forwarder_options options)
    : options_(std::move(options)), timer_(options_.executor),
      next_number_(random_number()), next_client_(random_number()) {}

request_forwarder::~request_forwarder() = default;

void request_forwarder::forward(listener to, http_request& request,
                                const http_exchange& exchange) {
  if (stopped_)
    return exchange.answer(try_again(node_is_stopping));
  auto bytes =
    request.target().size() + request.body.size() + request_overhead_bytes;
  if (bytes > options_.message_bytes_max)
    return exchange.answer(
      refuse({413, "The body is " + std::to_string(request.body.size())
                     + " bytes long; nodes that do not lead take up to "
                     + std::to_string(options_.message_bytes_max)}));
  if (requests_.size() >= options_.requests_max
      || bytes_ + bytes > options_.bytes_max)
    return exchange.answer(try_again(overloaded));
  auto which = next_arrival_++;
  bytes_ += bytes;
  auto wait_until = clock::now() + options_.leader_wait_max;
  requests_.emplace(which,
                    pending{to, exchange, bytes, changes_nothing(to, request),
                            wait_until, wait_until});
  waiting_.insert(which);
  exchange.on_stopping([weak = weak_from_this(), which] {
    if (auto self = weak.lock())
      self->finish(which);
  });
  // What this node serves itself waits for the turn after this one: the role
  // may just be changing.
  if (leader_ != options_.self)
    pump();
  watch();
}

void request_forwarder::leader_changed(std::optional<node_id> leader) {
  auto changed = leader != leader_;
  leader_ = leader;
  paused_ = false;
  if (changed)
    await_verdicts();
  pump();
  watch();
}

/// The former leader may still say what it did: it has a moment to. What
/// changes nothing is asked of the next one at once.
void request_forwarder::await_verdicts() {
  std::vector<arrival> repeatable;
  auto until = clock::now() + options_.verdict_wait_max;
  for (auto which : out_at(std::nullopt)) {
    auto& what = requests_.at(which);
    what.deadline = std::min(what.deadline, until);
    if (!what.repeatable)
      continue;
    tell(what.at, forwarding_frame::cancel, what.number);
    repeatable.push_back(which);
  }
  awaits_verdict_ = true;
  lose(repeatable);
}

bool request_forwarder::awaits_verdict() {
  awaits_verdict_ =
    awaits_verdict_ && std::any_of(out_.begin(), out_.end(), [this](auto& one) {
      return requests_.at(one.second).at != leader_;
    });
  return awaits_verdict_;
}

// --- sending ----------------------------------------------------------------

void request_forwarder::pump() {
  if (pumping_) // an answer let the next request of a connection in
    return;
  if (awaits_verdict()) // what came earlier may have to come again
    return;
  pumping_ = true;
  if (leader_ == options_.self)
    serve_waiting_here();
  else
    while (!waiting_.empty() && leader_ && !paused_)
      paused_ = !send_next();
  pumping_ = false;
}

/// What comes meanwhile waits for the next time.
void request_forwarder::serve_waiting_here() {
  if (!options_.serve_here)
    return;
  for (auto which : std::vector<arrival>{waiting_.begin(), waiting_.end()})
    if (auto what = take(which))
      options_.serve_here(what->to, what->exchange.request(), what->exchange);
}

/// False if the leader cannot take it now.
bool request_forwarder::send_next() {
  auto which = *waiting_.begin();
  auto& what = requests_.at(which);
  if (redirect(what)) {
    take(which);
    return true;
  }
  auto& request = what.exchange.request();
  auto bytes =
    encode({.key = {options_.thread, next_number_},
            .round = rounds_.try_emplace(*leader_, first_round).first->second,
            .client = client_of(request),
            .to = what.to},
           request);
  if (!options_.send(*leader_,
                     static_cast<std::uint8_t>(forwarding_frame::request),
                     std::move(bytes)))
    return false;
  waiting_.erase(which);
  out_.emplace(next_number_, which);
  what.at = *leader_;
  what.number = next_number_++;
  what.deadline = clock::now() + options_.answer_wait_max;
  return true;
}

/// The original's answer to who wants the leader itself.
bool request_forwarder::redirect(const pending& what) const {
  auto& request = what.exchange.request();
  if (what.to != listener::eventstore || !options_.url_of
      || !requires_leader(request))
    return false;
  auto url = options_.url_of(*leader_);
  if (url.empty())
    return false;
  auto exchange = what.exchange; // answering may change all there is here
  http_answer out{.status = http_status::temporary_redirect,
                  .content_type = "text/plain; charset=utf-8"};
  out.add_header("Location", url + std::string{request.target()});
  exchange.answer(std::move(out));
  return true;
}

/// Also sees to it that the leader hears of the connection's end.
std::uint64_t request_forwarder::client_of(http_request& request) {
  if (!request.connection)
    return 0;
  auto& slot = request.connection->forwarded;
  if (!slot) {
    if (next_client_ == 0)
      ++next_client_;
    slot = std::make_shared<client>(weak_from_this(), next_client_++);
  }
  auto& known = *static_cast<client*>(slot.get());
  if (known.known_to != leader_)
    known.forget();
  known.known_to = leader_;
  return known.id;
}

void request_forwarder::tell(node_id to, forwarding_frame kind,
                             std::uint64_t number, std::uint64_t value) const {
  options_.send(to, static_cast<std::uint8_t>(kind),
                encode(forwarding_note{{options_.thread, number}, value}));
}

// --- time -------------------------------------------------------------------

void request_forwarder::watch() {
  if (requests_.empty())
    return;
  auto due =
    clock::now()
    + (waiting_.empty() ? std::min(lazy_interval, options_.answer_wait_max)
                        : options_.retry_interval);
  if (timed_ && timer_.expiry() <= due)
    return;
  timed_ = true;
  timer_.expires_at(due);
  timer_.async_wait(
    [weak = weak_from_this()](const boost::system::error_code& ec) {
      if (auto self = weak.lock(); self && !ec)
        self->on_timer();
    });
}

void request_forwarder::on_timer() {
  timed_ = false;
  paused_ = false;
  give_up_late(clock::now());
  pump();
  watch();
}

http_answer request_forwarder::too_late(const pending& what,
                                        bool was_waiting) const {
  if (!was_waiting)
    return what.at == leader_ ? outcome_unknown(what.to, no_answer)
                              : leader_was_lost(what.to);
  if (what.stopping)
    return try_again(node_is_stopping);
  return try_again(leader_ ? unreachable : no_leader_known);
}

void request_forwarder::give_up_late(clock::time_point now) {
  std::vector<arrival> late;
  for (auto& [which, what] : requests_)
    if (what.deadline <= now)
      late.push_back(which);
  for (auto which : late) {
    auto was_waiting = waiting_.contains(which);
    auto what = take(which);
    if (!what)
      continue;
    if (!was_waiting)
      tell(what->at, forwarding_frame::cancel, what->number);
    what->exchange.answer(too_late(*what, was_waiting));
  }
}

void request_forwarder::stop() {
  stopped_ = true;
  timer_.cancel();
  while (!requests_.empty()) {
    auto which = requests_.begin()->first;
    auto was_waiting = waiting_.contains(which);
    auto what = take(which);
    what->exchange.answer(was_waiting ? try_again(node_is_stopping)
                                      : leader_was_lost(what->to));
  }
}

} // namespace callboard
