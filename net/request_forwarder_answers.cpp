// What becomes of a request that is out.
#include "net/request_forwarder.hpp"
#include "net/try_again.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace callboard {

namespace {

// Of one frame: no poll waits so long.
constexpr std::uint64_t extension_ms_max = 3'600'000;

// Different content types that are kept: routes have a few dozen.
constexpr std::size_t content_types_max = 1'000;

std::string_view what_a_repeat_does(listener to) {
  switch (to) {
    case listener::eventstore: return repeat_with_ids;
    case listener::producer:
    case listener::binary: return repeat_stores_twice;
    case listener::discovery:
    case listener::consumer: return repeat_freely;
  }
  return repeat_freely;
}

} // namespace

http_answer outcome_unknown(listener to, std::string_view cause) {
  return try_again(std::string{cause} + ' '
                   + std::string{what_a_repeat_does(to)});
}

http_answer request_forwarder::leader_was_lost(listener to) {
  return outcome_unknown(to, "The leader was lost before it answered: whether "
                             "it was recorded is unknown.");
}

/// Tells the leader whether an answer left.
struct request_forwarder::delivery {
  std::weak_ptr<request_forwarder> of;
  node_id to;
  std::uint64_t number;
  bool left = true;

  delivery(std::weak_ptr<request_forwarder> owner, node_id node,
           std::uint64_t of_request)
      : of(std::move(owner)), to(node), number(of_request) {}

  delivery(const delivery&) = delete;
  delivery& operator=(const delivery&) = delete;

  ~delivery() {
    if (auto owner = of.lock())
      owner->tell(to, forwarding_frame::delivered, number, left ? 1 : 0);
  }
};

void request_forwarder::received(node_id from, std::uint8_t kind,
                                 std::string_view bytes) {
  if (kind == static_cast<std::uint8_t>(forwarding_frame::answer))
    on_answer(from, bytes);
  else if (kind == static_cast<std::uint8_t>(forwarding_frame::extend))
    on_extend(from, bytes);
}

void request_forwarder::on_answer(node_id from, std::string_view bytes) {
  auto answer = decode_forwarded_answer(bytes);
  if (!answer) { // the request ends with its deadline
    spdlog::error("answer from another node cannot be read node={} error={}",
                  from, to_string(answer.error()));
    return;
  }
  auto found = out_.find(answer->key.number);
  if (found == out_.end() || requests_.at(found->second).at != from) {
    if (answer->wants_delivered)
      tell(from, forwarding_frame::delivered, answer->key.number, 0);
    return;
  }
  switch (answer->outcome) {
    case forwarded_outcome::served: return deliver(from, std::move(*answer));
    case forwarded_outcome::not_served: return not_served(found->second);
    case forwarded_outcome::unknown: lose({found->second}); return pump();
  }
}

void request_forwarder::on_extend(node_id from, std::string_view bytes) {
  auto note = decode_forwarding_note(bytes);
  if (!note)
    return;
  auto found = out_.find(note->key.number);
  if (found == out_.end())
    return;
  auto& what = requests_.at(found->second);
  std::chrono::milliseconds by{
    static_cast<std::int64_t>(std::min(note->value, extension_ms_max))};
  if (what.at != from)
    return;
  what.deadline += by;
  what.exchange.extend_deadline(by);
  // Only of a request that waits does anybody ask whether its client is still
  // there: others may close their half and read the answer.
  what.exchange.on_gone([weak = weak_from_this(), which = found->second] {
    if (auto self = weak.lock())
      self->gone(which);
  });
}

std::optional<request_forwarder::pending>
request_forwarder::take(arrival which) {
  auto found = requests_.find(which);
  if (found == requests_.end())
    return std::nullopt;
  auto out = std::move(found->second);
  requests_.erase(found);
  bytes_ -= out.bytes;
  if (waiting_.erase(which) == 0)
    out_.erase(out.number);
  return out;
}

void request_forwarder::deliver(node_id from, forwarded_answer answer) {
  auto what = take(out_.at(answer.key.number));
  auto& out = answer.answer;
  out.content_type = kept(std::move(answer.content_type));
  out.as_it_is = true; // the leader knows what the client accepts
  if (answer.wants_delivered)
    out.unsent = [told = std::make_shared<delivery>(weak_from_this(), from,
                                                    answer.key.number)] {
      told->left = false;
    };
  what->exchange.set_header_block({}); // the answer has that of the leader
  what->exchange.answer(std::move(out));
  if (awaits_verdict_)
    pump();
}

/// Answers hold views of static text.
std::string_view request_forwarder::kept(std::string content_type) {
  if (content_type.empty())
    return {};
  if (auto found = content_types_.find(content_type);
      found != content_types_.end())
    return *found;
  if (content_types_.size() >= content_types_max)
    return "application/octet-stream";
  return *content_types_.insert(std::move(content_type)).first;
}

/// Nothing was done, nor will be of what was sent to that node after it, which
/// its answers to that would say too. They wait for who takes them, in their
/// order, no longer than they may.
void request_forwarder::not_served(arrival which) {
  auto [node, number] = [&what = requests_.at(which)] {
    return std::pair{what.at, what.number};
  }();
  ++rounds_.try_emplace(node, first_round).first->second;
  paused_ = paused_ || node == leader_;
  for (auto each : out_at(node)) {
    auto& what = requests_.at(each);
    if (what.number < number)
      continue;
    out_.erase(what.number);
    waiting_.insert(each);
    what.deadline = what.wait_until;
  }
  pump();
  watch();
}

/// What changes nothing waits for the next leader; others are told.
void request_forwarder::lose(const std::vector<arrival>& which) {
  for (auto each : which) {
    auto found = requests_.find(each);
    if (found == requests_.end())
      continue;
    auto& what = found->second;
    if (what.repeatable) {
      out_.erase(what.number);
      waiting_.insert(each);
      what.deadline = what.wait_until = clock::now() + options_.leader_wait_max;
      continue;
    }
    auto exchange = what.exchange;
    auto to = what.to;
    take(each);
    exchange.answer(leader_was_lost(to));
  }
  watch();
}

void request_forwarder::peer_down(node_id node) {
  lose(out_at(node));
  pump();
}

/// In order of arrival; at any node if it is nothing.
std::vector<request_forwarder::arrival>
request_forwarder::out_at(std::optional<node_id> node) const {
  std::vector<arrival> out;
  for (auto& [which, what] : requests_)
    if (!waiting_.contains(which) && (!node || what.at == *node))
      out.push_back(which);
  return out;
}

/// Its client has gone, or may wait no longer.
void request_forwarder::gone(arrival which) {
  auto was_waiting = waiting_.contains(which);
  auto what = take(which);
  if (what && !was_waiting)
    tell(what->at, forwarding_frame::cancel, what->number);
}

/// This node stops. What waits has a moment left: it may be stopping because
/// another one is about to lead.
void request_forwarder::finish(arrival which) {
  auto found = requests_.find(which);
  if (found == requests_.end())
    return;
  if (!waiting_.contains(which))
    return tell(found->second.at, forwarding_frame::finish,
                found->second.number);
  auto& what = found->second;
  what.stopping = true;
  what.wait_until = what.deadline =
    std::min(what.wait_until, clock::now() + options_.stopping_wait_max);
  watch();
}

} // namespace callboard
