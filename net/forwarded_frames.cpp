// A frame is forwarded as a request is: it only looks different at both ends.
#include "net/forwarded_frames.hpp"

#include "actors/core/bytes.hpp"
#include "net/try_again.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace callboard {

namespace {

using reply = std::function<void(std::optional<producer_refusal>)>;

constexpr std::string_view leads_no_more =
  "This node leads no more: whether it was stored is unknown.";
constexpr std::string_view not_joined =
  "This node does not take part in its cluster at the moment";
constexpr std::string_view nobody_answered =
  "Nobody answered: whether it was stored is unknown.";

/// What `serve_frames` answers. A refusal's body is its code and its text.
constexpr auto stored = http_status::no_content;
constexpr auto refused = http_status::conflict;

producer_refusal maybe_stored(std::string_view why) {
  return {frame_error::routing,
          std::string{why}.append(" ").append(repeat_stores_twice)};
}

http_answer to_answer(const std::optional<producer_refusal>& outcome) {
  if (!outcome)
    return {.status = stored};
  http_answer out{.status = refused};
  out.body.push_back(static_cast<char>(outcome->code));
  out.body += outcome->text;
  return out;
}

std::optional<producer_refusal> to_outcome(const http_answer& answer) {
  if (answer.status == stored)
    return std::nullopt;
  std::string_view body{answer.body};
  if (body.empty())
    return maybe_stored(nobody_answered);
  constexpr auto last_code = static_cast<std::uint8_t>(frame_error::no_leader);
  if (answer.status == refused && std::uint8_t(body.front()) <= last_code)
    return producer_refusal{static_cast<frame_error>(body.front()),
                            std::string{body.substr(1)}};
  auto code = body == no_leader_known ? frame_error::no_leader
              : answer.status == http_status::service_unavailable
                ? frame_error::routing
                : frame_error::server;
  return producer_refusal{code, answer.body};
}

/// Where the answer to one frame goes. Its session does not say that it ends:
/// what was sent is stored, as it is at the leader.
class frame_connection : public http_connection {
public:
  frame_connection(http_executor executor, reply then)
      : executor_(std::move(executor)), then_(std::move(then)) {}

  http_executor executor() const noexcept override { return executor_; }

  void answer(std::uint64_t, http_answer answer, std::string_view) override {
    if (auto then = std::exchange(then_, nullptr))
      then(to_outcome(answer));
  }

  void on_gone(std::uint64_t, std::function<void()>) override {}

  void on_stopping(std::uint64_t, std::function<void()>) override {}

  void extend_deadline(std::uint64_t, std::chrono::milliseconds) override {}

private:
  http_executor executor_;
  reply then_;
};

} // namespace

// --- bytes ------------------------------------------------------------------

std::string encode(const produce_frame& frame) {
  std::string bytes;
  byte_writer out{bytes};
  out.byte(frame.timestamp ? 1 : 0);
  out.zigzag(frame.timestamp.value_or(0));
  out.text(frame.key);
  out.text(frame.topic);
  out.varint(frame.records.size());
  for (auto record : frame.records)
    out.text(record);
  return bytes;
}

result<produce_frame> decode_produce_frame(std::string_view bytes) {
  byte_reader in{bytes};
  produce_frame out;
  auto timestamped = in.byte();
  auto timestamp = in.zigzag();
  if (timestamped != 0)
    out.timestamp = timestamp;
  out.key = in.text();
  out.topic = in.text();
  out.records.resize(in.count());
  for (auto& record : out.records)
    record = in.text();
  if (!in.good() || !in.at_end() || timestamped > 1 || out.records.empty())
    return errc::corrupt;
  return out;
}

// --- where this node leads --------------------------------------------------

http_handler serve_frames(producer_sink sink) {
  return [sink = std::move(sink)](http_request& request,
                                  const http_exchange& exchange) {
    auto frame = decode_produce_frame(request.body);
    if (!frame)
      return exchange.answer(
        refuse({400, "The frame that another node forwarded is damaged"}));
    sink(*frame, [exchange](const std::optional<producer_refusal>& outcome) {
      exchange.answer(to_answer(outcome));
    });
  };
}

/// What became of a frame that is stored here: told once.
class producer_front::outcome {
public:
  outcome(http_executor executor, reply then)
      : executor_(std::move(executor)), then_(std::move(then)) {}

  outcome(const outcome&) = delete;
  outcome& operator=(const outcome&) = delete;

  /// Whoever was to tell it has ended; on any thread.
  ~outcome() {
    if (then_)
      boost::asio::post(executor_, [then = std::move(then_)] {
        then(maybe_stored(nobody_answered));
      });
  }

  void tell(std::optional<producer_refusal> what) {
    if (auto then = std::exchange(then_, nullptr))
      then(std::move(what));
  }

private:
  http_executor executor_;
  reply then_;
};

producer_front::producer_front(http_executor executor,
                               std::shared_ptr<request_forwarder> forwarder)
    : executor_(std::move(executor)), forwarder_(std::move(forwarder)) {}

producer_front::~producer_front() = default;

producer_sink producer_front::sink() {
  return [self = shared_from_this()](const produce_frame& frame, reply then) {
    self->take(frame, std::move(then));
  };
}

void producer_front::take(const produce_frame& frame, reply then) {
  switch (role_) {
    case role::refusing:
      return then(
        producer_refusal{frame_error::no_leader, std::string{not_joined}});
    case role::leading: {
      auto told = std::make_shared<outcome>(executor_, std::move(then));
      in_progress_.add(told);
      return here_(frame, [told](std::optional<producer_refusal> what) {
        told->tell(std::move(what));
      });
    }
    case role::following: {
      http_request request;
      request.method = http_verb::post;
      request.set_target("/").value();
      request.body = encode(frame);
      http_exchange exchange{
        std::make_shared<frame_connection>(executor_, std::move(then)), 0,
        std::move(request)};
      return forwarder_->forward(listener::binary, exchange.request(),
                                 exchange);
    }
  }
}

void producer_front::lead(producer_sink here) {
  become(role::leading, std::move(here));
}

void producer_front::follow() {
  become(role::following, nullptr);
}

void producer_front::hold() {
  if (role_ == role::leading)
    role_ = role::following;
}

void producer_front::refuse() {
  become(role::refusing, nullptr);
}

void producer_front::become(role next, producer_sink here) {
  role_ = next;
  here_ = std::move(here);
  for (auto& each : in_progress_.take_all())
    if (auto told = each.lock())
      told->tell(maybe_stored(leads_no_more));
}

} // namespace callboard
