// Registrations that are remembered, and polls that bring nothing.
#include "net/consumer_front.hpp"

#include "net/barco_answers.hpp"
#include "net/barco_registration.hpp"
#include "net/bound_consumer.hpp"
#include "net/eventstore_request.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

bool asks_status(const http_request& request) {
  return request.method == http_verb::get && request.segment_count() == 1
         && request.segment(0) == "status" && !request.trailing_slash();
}

/// A registration that binds its connection.
http_answer remember(const http_request& request) {
  auto what = read_registration(request);
  if (!what)
    return barco_refusal(what.error());
  request.connection->bound =
    std::make_shared<bound_consumer>(bound_consumer{std::move(*what)});
  return barco_ok();
}

/// The leader's answer to what was answered here already.
class unheard_answer : public http_connection {
public:
  explicit unheard_answer(http_executor executor)
      : executor_(std::move(executor)) {}

  http_executor executor() const noexcept override { return executor_; }

  void answer(std::uint64_t, http_answer, std::string_view) override {}

  void on_gone(std::uint64_t, std::function<void()>) override {}

  void on_stopping(std::uint64_t, std::function<void()>) override {}

  void extend_deadline(std::uint64_t, std::chrono::milliseconds) override {}

private:
  http_executor executor_;
};

} // namespace

consumer_front::consumer_front(consumer_front_options options)
    : options_(std::move(options)), timer_(options_.executor) {}

consumer_front::~consumer_front() = default;

http_handler consumer_front::handler() {
  return [self = shared_from_this()](http_request& request,
                                     const http_exchange& exchange) {
    self->serve(request, exchange);
  };
}

void consumer_front::serve(http_request& request,
                           const http_exchange& exchange) {
  if (leads_ || !request.connection || !serve_here(request, exchange))
    options_.next(request, exchange);
}

/// False: it is the leader's.
bool consumer_front::serve_here(http_request& request,
                                const http_exchange& exchange) {
  auto call = consumer_call(request);
  bool by_id = consumer_id(request).has_value();
  if (call == "register" && !by_id) {
    exchange.answer(remember(request));
    return true;
  }
  if (by_id && asks_status(request))
    tell_leader(request);
  bool polls = call == "poll";
  if (!polls && (by_id || (call != "commit" && call != "goodbye")))
    return false;
  if (!by_id && !bound_to(request))
    exchange.answer(barco_not_registered());
  else if (polls)
    poll(request, exchange);
  else if (call == "commit")
    exchange.answer(barco_nothing(retry_without_data));
  else if (auto said = read_goodbye(request); !said)
    exchange.answer(barco_refusal(said.error()));
  else {
    request.connection->bound = nullptr;
    exchange.answer(barco_ok());
  }
  return true;
}

/// A sign of life: whoever leads keeps the time.
void consumer_front::tell_leader(const http_request& request) const {
  if (!options_.to_leader)
    return;
  http_exchange unheard{std::make_shared<unheard_answer>(options_.executor), 0,
                        request};
  options_.to_leader(unheard.request(), unheard);
}

void consumer_front::poll(const http_request& request,
                          const http_exchange& exchange) {
  auto asked = read_wait(request);
  if (!asked)
    return exchange.answer(barco_refusal(asked.error()));
  if (asked->count() == 0 || waiting_.size() >= options_.waiting_max)
    return exchange.answer(barco_nothing(retry_without_partitions));
  wait(exchange,
       std::min<std::chrono::milliseconds>(*asked, options_.wait_max));
}

void consumer_front::wait(const http_exchange& exchange,
                          std::chrono::milliseconds by) {
  waiting_key which{clock::now() + by, ++last_};
  exchange.extend_deadline(by);
  waiting_.emplace(which, exchange);
  auto over = [weak = weak_from_this(), which] {
    if (auto self = weak.lock())
      self->end(which);
  };
  exchange.on_gone(over);
  exchange.on_stopping(over);
  if (waiting_.begin()->first == which)
    watch();
}

void consumer_front::end(const waiting_key& which) {
  if (auto found = waiting_.extract(which))
    found.mapped().answer(barco_nothing(retry_without_partitions));
}

void consumer_front::lead() {
  leads_ = true;
  timer_.cancel();
  for (auto& [when, exchange] : std::exchange(waiting_, {}))
    exchange.answer(barco_nothing({}));
}

void consumer_front::follow() {
  leads_ = false;
}

void consumer_front::watch() {
  if (waiting_.empty())
    return;
  timer_.expires_at(waiting_.begin()->first.first);
  timer_.async_wait(
    [weak = weak_from_this()](const boost::system::error_code& ec) {
      if (auto self = weak.lock(); self && !ec)
        self->on_timer();
    });
}

void consumer_front::on_timer() {
  auto now = clock::now();
  while (!waiting_.empty() && waiting_.begin()->first.first <= now)
    end(waiting_key{waiting_.begin()->first});
  watch();
}

bool consumer_answered_anywhere(const http_request& request) {
  auto call = consumer_call(request);
  if (call == "register")
    return !read_registration(request);
  if (call == "goodbye")
    return !read_goodbye(request);
  return call != "poll" && call != "commit";
}

std::optional<http_answer> answer_lost_call(const http_request& request) {
  auto call = consumer_call(request);
  if (call == "poll")
    return barco_nothing({});
  if (call == "register" && !consumer_id(request) && request.connection)
    return remember(request);
  return std::nullopt;
}

} // namespace callboard
