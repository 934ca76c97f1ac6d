// A loop of settles in a client's place; each batch becomes a few lines.
#include "net/event_push.hpp"

#include "actors/core/group_requests.hpp"
#include "net/ascii.hpp"
#include "net/problem.hpp"
#include "net/pushed_lines.hpp"
#include "net/try_again.hpp"
#include "net/url.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <memory>
#include <string>
#include <utility>

namespace callboard {

namespace {

using namespace std::string_view_literals;

using clock_type = std::chrono::steady_clock;
using timer = boost::asio::basic_waitable_timer<
  clock_type, boost::asio::wait_traits<clock_type>, http_executor>;

/// One request that is asked in a client's place.
class inner_connection : public http_connection {
public:
  using answered = std::function<void(http_answer)>;

  inner_connection(http_executor executor, answered then)
      : executor_(std::move(executor)), then_(std::move(then)) {}

  http_executor executor() const noexcept override { return executor_; }

  void answer(std::uint64_t, http_answer answer, std::string_view) override {
    gone_ = nullptr;
    if (auto then = std::exchange(then_, nullptr))
      then(std::move(answer));
  }

  void on_gone(std::uint64_t, std::function<void()> gone) override {
    if (left_)
      return boost::asio::post(executor_, std::move(gone));
    gone_ = std::move(gone);
  }

  void on_stopping(std::uint64_t, std::function<void()>) override {}

  void extend_deadline(std::uint64_t, std::chrono::milliseconds) override {}

  /// Nobody waits any more: who answers hears it.
  void leave() {
    left_ = true;
    if (auto gone = std::exchange(gone_, nullptr))
      gone();
  }

private:
  http_executor executor_;
  answered then_;
  std::function<void()> gone_;
  bool left_ = false;
};

/// What is said of the first request alone, not of those in its place.
bool is_of_one_request(std::string_view name) {
  constexpr std::array all{"accept"sv,
                           "accept-encoding"sv,
                           "connection"sv,
                           "content-length"sv,
                           "content-type"sv,
                           "consumer-name"sv,
                           "es-requireleader"sv,
                           "es-requiremaster"sv,
                           "expect"sv,
                           "http2-settings"sv,
                           "idempotency-key"sv,
                           "kurrent-requireleader"sv,
                           "kurrent-requiremaster"sv,
                           "last-event-id"sv,
                           "transfer-encoding"sv,
                           "upgrade"sv};
  return std::any_of(all.begin(), all.end(),
                     [name](auto one) { return iequals(name, one); });
}

/// No more than other consumers are likely to have; unique enough.
std::string made_up_name(const void* of) {
  auto bits = std::uint64_t(clock_type::now().time_since_epoch().count())
              ^ (std::uint64_t(reinterpret_cast<std::uintptr_t>(of)) << 20);
  char digits[16];
  auto end = std::to_chars(digits, digits + sizeof digits, bits, 16).ptr;
  return "push-" + std::string(digits, end);
}

/// The client's connection, from its first settle on. Kept alive by what it
/// waits for.
class push_session : public std::enable_shared_from_this<push_session> {
public:
  push_session(const http_exchange& exchange, push_options options)
      : exchange_(exchange), options_(std::move(options)),
        timer_(exchange.executor()) {}

  void start();

private:
  void ask();
  void settle(const std::string& body, inner_connection::answered then);
  void on_answer(http_answer answer, clock_type::time_point asked);
  bool begin();
  void push(const http_answer& answer, clock_type::time_point asked);
  void go_on(std::chrono::milliseconds wait);
  void fail(const http_answer& answer);
  void leave();
  void give_back(std::deque<std::string> leases);

  http_exchange exchange_;
  push_options options_;
  timer timer_;
  std::optional<answer_stream> stream_;
  std::weak_ptr<inner_connection> asking_;
  std::string target_; // of a settle
  std::string name_;   // of the consumer
  std::string resumed_;
  std::size_t credit_ = limits::push_credit_default;
  std::deque<std::string> leases_; // the latest, once each
  bool first_ = true;              // nothing was pushed yet
  bool over_ = false;
};

void push_session::start() {
  auto& request = exchange_.request();
  if (auto text = request.query("maxInFlight")) {
    auto [end, failed] =
      std::from_chars(text->data(), text->data() + text->size(), credit_);
    if (failed != std::errc{} || end != text->data() + text->size()
        || credit_ < 1 || credit_ > limits::push_credit_max)
      return exchange_.answer(
        problem(http_status::bad_request, "invalid-request",
                "maxInFlight is '" + std::string{*text} + "'; allowed: 1 to "
                  + std::to_string(limits::push_credit_max) + "."));
  }
  auto path = request.path();
  target_ = std::string{path.substr(0, path.rfind('/'))}
              .append("/settle?maxInFlight=")
              .append(std::to_string(credit_));
  if (auto name = request.header("Consumer-Name"))
    name_ = *name;
  else if (auto asked = request.query("consumer"); asked && !asked->empty())
    name_ = *asked;
  else
    name_ = made_up_name(this);
  if (auto last = request.header("Last-Event-ID")) {
    auto lease = last->substr(0, last->find('/'));
    if (parse_lease_token(lease))
      resumed_ = lease;
  }
  exchange_.on_gone([self = weak_from_this()] {
    if (auto here = self.lock())
      here->leave();
  });
  ask();
}

/// `then` is not called once this is over, unless it is `over_` already.
void push_session::settle(const std::string& body,
                          inner_connection::answered then) {
  auto& outer = exchange_.request();
  http_request inner;
  inner.method = http_verb::post;
  inner.remote_address = outer.remote_address;
  inner.connection = outer.connection;
  [[maybe_unused]] auto taken = inner.set_target(target_);
  outer.each_header([&](std::string_view name, std::string_view value) {
    if (!is_of_one_request(name))
      inner.add_header(name, value);
  });
  inner.add_header("Content-Type", "application/json");
  inner.add_header("Consumer-Name", name_);
  if (!resumed_.empty()) // what it releases is for the one that comes back
    inner.add_header("Last-Event-ID", std::exchange(resumed_, {}));
  inner.body = body;
  auto connection =
    std::make_shared<inner_connection>(exchange_.executor(), std::move(then));
  asking_ = connection;
  http_exchange ours{connection, 1, std::move(inner)};
  options_.next(ours.request(), ours);
}

void push_session::ask() {
  std::string body = "{";
  if (!resumed_.empty())
    body += "\"release\":[\"" + resumed_ + "\"],";
  body += "\"next\":{\"count\":"
          + std::to_string(std::min(credit_, limits::fetch_count_max));
  if (stream_) // the first one tells what there is: the answer begins with it
    body +=
      ",\"wait\":\"" + std::to_string(options_.heartbeat.count()) + "ms\"";
  body += "}}";
  settle(body,
         [self = shared_from_this(), asked = clock_type::now()](
           http_answer answer) { self->on_answer(std::move(answer), asked); });
}

void push_session::on_answer(http_answer answer, clock_type::time_point asked) {
  if (over_) { // what it brings never reached anybody
    auto brought = pushed_leases(answer.body);
    if (answer.unsent)
      answer.unsent();
    else if (answer.status == http_status::ok && !brought.empty())
      give_back(std::move(brought));
    return;
  }
  if (answer.status == http_status::ok) {
    if (begin())
      push(answer, asked);
    else if (answer.unsent)
      answer.unsent();
    return;
  }
  if (!stream_)
    return exchange_.answer(std::move(answer));
  if (answer.body == takes_no_part) // the node was removed from its cluster
    return fail(
      problem(http_status::service_unavailable, "unavailable", takes_no_part));
  bool later = answer.status == http_status::service_unavailable
               || answer.status == http_status::too_many_requests
               || answer.status == http_status::request_timeout;
  if (!later)
    return fail(answer);
  if (!stream_->write(": waiting for the broker\n\n"))
    return leave();
  go_on(options_.pause);
}

/// False: there is nobody to push to.
bool push_session::begin() {
  if (stream_)
    return true;
  http_answer head{.content_type = "text/event-stream"};
  head.add_header("Cache-Control", "no-store");
  head.add_header("X-Accel-Buffering", "no"); // proxies hold back otherwise
  stream_ = exchange_.begin_stream(std::move(head));
  if (!stream_) {
    over_ = true;
    exchange_.answer(problem(http_status::not_implemented, "no-event-stream",
                             "Events cannot be pushed over this connection."));
    return false;
  }
  stream_->on_gone([self = weak_from_this()] {
    if (auto here = self.lock())
      here->leave();
  });
  stream_->on_stopping([self = weak_from_this()] {
    if (auto here = self.lock())
      here->leave();
  });
  return stream_->write("retry: " + std::to_string(options_.pause.count())
                        + "\n\n");
}

void push_session::push(const http_answer& answer,
                        clock_type::time_point asked) {
  auto batch = pushed_lines(answer.body);
  for (auto& lease : batch.leases)
    if (leases_.empty() || leases_.back() != lease)
      leases_.push_back(lease);
  while (leases_.size() > limits::push_leases_max)
    leases_.pop_front();
  if (!stream_->write(batch.leases.empty() ? ":\n\n" : batch.lines))
    return leave();
  // An empty answer that came early says that the group begins anew.
  bool early =
    batch.leases.empty() && clock_type::now() - asked < options_.heartbeat / 2;
  go_on(early && !first_ ? options_.pause : std::chrono::milliseconds{0});
  first_ = false;
}

void push_session::go_on(std::chrono::milliseconds wait) {
  if (stream_->unwritten() > limits::stream_unread_bytes_max)
    wait = std::max(wait, options_.pause / 5);
  timer_.expires_after(wait);
  timer_.async_wait([self = shared_from_this()](auto failed) {
    if (failed || self->over_)
      return;
    if (self->stream_->unwritten() > limits::stream_unread_bytes_max)
      self->go_on({}); // it reads slowly: nothing is leased meanwhile
    else
      self->ask();
  });
}

void push_session::fail(const http_answer& answer) {
  std::string words = "event: problem\n";
  append_data_lines(
    words, !answer.body.empty()
             ? answer.body
             : problem(answer.status, "events-refused",
                       "What comes next was refused: the login, or what it may "
                       "do, has changed.")
                 .body);
  stream_->write(words += '\n');
  leave();
}

void push_session::leave() {
  if (std::exchange(over_, true))
    return;
  timer_.cancel();
  auto self = shared_from_this();
  if (auto asking = asking_.lock())
    asking->leave();
  if (!leases_.empty())
    give_back(std::exchange(leases_, {}));
  if (stream_)
    stream_->end();
}

/// Those that were settled since are stale, and change nothing. If it fails
/// they end by themselves.
void push_session::give_back(std::deque<std::string> leases) {
  std::string body = "{\"release\":[";
  for (auto& lease : leases)
    body.append(body.back() == '[' ? "\"" : ",\"").append(lease).append("\"");
  body += "]}";
  settle(body, [self = shared_from_this()](const http_answer&) {});
}

bool asks_for_events(const http_request& request) {
  return request.method == http_verb::get && request.segment_count() == 4
         && !request.trailing_slash() && request.segment(0) == "subscriptions"
         && request.segment(3) == "events";
}

} // namespace

http_handler push_events(push_options options) {
  return [options = std::move(options)](http_request& request,
                                        const http_exchange& exchange) {
    if (asks_for_events(request))
      std::make_shared<push_session>(exchange, options)->start();
    else
      options.next(request, exchange);
  };
}

} // namespace callboard
