// In from another node, to a handler, and its answer back.
#include "net/forwarded_requests.hpp"

#include "net/try_again.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace callboard {

namespace {

constexpr std::string_view overloaded =
  "The leader serves too many requests of other nodes: nothing was recorded. "
  "Try again.";

http_answer too_large(std::size_t bytes) {
  http_answer out{.status = http_status::internal_server_error,
                  .content_type = "text/plain; charset=utf-8"};
  out.body = "The answer is " + std::to_string(bytes)
             + " bytes long: more than one node gets from another. Ask for "
               "less, or the leader itself.";
  return out;
}

/// Takes out of a map what `which` holds for, and returns it.
template <class Map, class Predicate>
std::vector<typename Map::mapped_type> take_if(Map& from, Predicate which) {
  std::vector<typename Map::mapped_type> out;
  for (auto at = from.begin(); at != from.end();)
    if (which(*at)) {
      out.push_back(std::move(at->second));
      at = from.erase(at);
    } else {
      ++at;
    }
  return out;
}

} // namespace

forwarded_requests::forwarded_requests(forwarded_requests_options options)
    : options_(std::move(options)) {}

forwarded_requests::~forwarded_requests() = default;

void forwarded_requests::received(
  node_id from, std::uint8_t kind, std::string_view bytes,
  const std::shared_ptr<const served_listeners>& by) {
  auto is = static_cast<forwarding_frame>(kind);
  if (is == forwarding_frame::request)
    return serve(from, bytes, by);
  auto note = decode_forwarding_note(bytes);
  if (!note)
    return;
  if (is == forwarding_frame::cancel)
    cancel(from, note->key);
  else if (is == forwarding_frame::client_closed)
    clients_.erase({from, note->key});
  else if (is == forwarding_frame::delivered)
    delivered(from, *note);
  else if (is == forwarding_frame::finish)
    finish(from, note->key);
}

void forwarded_requests::serve(
  node_id from, std::string_view bytes,
  const std::shared_ptr<const served_listeners>& by) {
  auto what = decode_forwarded_request(bytes);
  if (!what) { // the other node gives up in time
    spdlog::error("request of another node cannot be read node={} error={}",
                  from, to_string(what.error()));
    return;
  }
  auto& origin = what->from;
  auto& key = origin.key;
  if (take_back(from, origin, by != nullptr)) {
    send(from, forwarding_frame::answer,
         encode(key, forwarded_outcome::not_served));
    return;
  }
  auto serving = by; // a handler may end what the caller has
  auto& to = (*serving)[static_cast<std::size_t>(origin.to)];
  if (!to.handler)
    return send_answer(
      from, key,
      refuse({404, "The leader does not have this listener switched on"}),
      to.header_block);
  auto client = client_of(from, origin);
  if (!client || requests_.size() >= options_.requests_max
      || bytes_ + bytes.size() > options_.bytes_max)
    return send_answer(from, key, try_again(overloaded), to.header_block);
  auto number = next_number_++;
  if (!numbers_.emplace(request_of_node{from, key}, number).second)
    return; // no forwarder sends one twice
  bytes_ += bytes.size();
  requests_.emplace(number, in_work{from, key, bytes.size(), serving});
  what->request.connection = std::move(client);
  http_exchange exchange{shared_from_this(), number, std::move(what->request),
                         to.header_block};
  guard(exchange, [&] { to.handler(exchange.request(), exchange); });
}

/// Whether it is not served: nobody leads here, or it was sent before its node
/// heard that an earlier one was not served.
bool forwarded_requests::take_back(node_id from,
                                   const forwarded_request::origin& what,
                                   bool leads) {
  thread_of_node sender{from, what.key.thread};
  auto found = rounds_.find(sender);
  if (leads && (found == rounds_.end() || what.round > found->second))
    return false;
  auto& round = rounds_[sender];
  round = std::max(round, what.round);
  return true;
}

/// Null: there are too many.
std::shared_ptr<connection_state>
forwarded_requests::client_of(node_id from,
                              const forwarded_request::origin& what) {
  if (what.client == 0)
    return std::make_shared<connection_state>();
  request_of_node key{from, {what.key.thread, what.client}};
  if (auto found = clients_.find(key); found != clients_.end())
    return found->second;
  if (clients_.size() >= options_.clients_max)
    return nullptr;
  return clients_.emplace(key, std::make_shared<connection_state>())
    .first->second;
}

// --- the other node's client ------------------------------------------------

void forwarded_requests::cancel(node_id from, const forwarded_key& key) {
  auto found = numbers_.find({from, key});
  if (found == numbers_.end())
    return;
  auto work = requests_.extract(found->second);
  numbers_.erase(found);
  bytes_ -= work.mapped().bytes;
  if (work.mapped().gone)
    work.mapped().gone();
}

void forwarded_requests::delivered(node_id from, const forwarding_note& note) {
  auto found = unconfirmed_.extract({from, note.key});
  if (found && note.value == 0)
    found.mapped().unsent();
}

void forwarded_requests::finish(node_id from, const forwarded_key& key) {
  auto found = numbers_.find({from, key});
  if (found == numbers_.end())
    return;
  if (auto stopping =
        std::exchange(requests_.at(found->second).stopping, nullptr))
    stopping();
}

void forwarded_requests::peer_down(node_id node) {
  auto of_node = [node](auto& entry) { return entry.first.first == node; };
  std::erase_if(rounds_, of_node);
  std::erase_if(numbers_, of_node);
  auto work =
    take_if(requests_, [node](auto& each) { return each.second.from == node; });
  auto unknown = take_if(unconfirmed_, of_node);
  auto clients = take_if(clients_, of_node); // end when all is in order
  for (auto& each : work)
    bytes_ -= each.bytes;
  assert(numbers_.size() == requests_.size());
  for (auto& each : work)
    if (each.gone)
      each.gone();
  for (auto& answer : unknown)
    answer.give_up();
}

// --- this node --------------------------------------------------------------

void forwarded_requests::stop_serving() {
  auto work = std::exchange(requests_, {});
  auto unknown = std::exchange(unconfirmed_, {});
  auto clients = std::exchange(clients_, {});
  numbers_.clear();
  bytes_ = 0;
  for (auto& [number, each] : work)
    send(each.from, forwarding_frame::answer,
         encode(each.key, forwarded_outcome::unknown));
}

void forwarded_requests::stopping() {
  std::vector<std::function<void()>> all;
  for (auto& [number, each] : requests_)
    if (each.stopping)
      all.push_back(std::exchange(each.stopping, nullptr));
  for (auto& stopping : all)
    stopping();
}

bool forwarded_requests::send(node_id to, forwarding_frame kind,
                              std::string bytes) const {
  return options_.send(to, static_cast<std::uint8_t>(kind), std::move(bytes));
}

// --- answers ----------------------------------------------------------------

void forwarded_requests::answer(std::uint64_t number, http_answer answer,
                                std::string_view header_block) {
  auto work = requests_.extract(number); // has what the header block is of
  if (!work) {
    if (answer.unsent)
      answer.unsent();
    return;
  }
  auto& of = work.mapped();
  numbers_.erase({of.from, of.key});
  bytes_ -= of.bytes;
  send_answer(of.from, of.key, std::move(answer), header_block);
}

void forwarded_requests::send_answer(node_id to, const forwarded_key& key,
                                     http_answer answer,
                                     std::string_view header_block) {
  auto bytes = answer.body.size() + answer.headers.size();
  if (bytes > options_.message_bytes_max) {
    if (answer.unsent)
      answer.unsent();
    answer = too_large(bytes);
  }
  auto sent =
    send(to, forwarding_frame::answer, encode(key, answer, header_block));
  if (!sent) // there may be room for so little
    send(to, forwarding_frame::answer, encode(key, forwarded_outcome::unknown));
  if (!answer.unsent)
    return;
  if (!sent)
    return answer.unsent();
  if (unconfirmed_.size() >= options_.unconfirmed_max)
    forget_oldest_unconfirmed();
  unconfirmed_.try_emplace({to, key}, std::move(answer.unsent),
                           answer.unsent_if_unknown);
}

void forwarded_requests::forget_oldest_unconfirmed() {
  auto oldest = unconfirmed_.extract(unconfirmed_.begin());
  oldest.mapped().give_up();
}

void forwarded_requests::on_gone(std::uint64_t number,
                                 std::function<void()> gone) {
  auto found = requests_.find(number);
  if (found == requests_.end()) // while it was not served yet
    return boost::asio::post(executor(), std::move(gone));
  found->second.gone = std::move(gone);
}

void forwarded_requests::on_stopping(std::uint64_t number,
                                     std::function<void()> stopping) {
  if (auto found = requests_.find(number); found != requests_.end())
    found->second.stopping = std::move(stopping);
}

void forwarded_requests::extend_deadline(std::uint64_t number,
                                         std::chrono::milliseconds by) {
  if (auto found = requests_.find(number);
      found != requests_.end() && by.count() > 0)
    send(found->second.from, forwarding_frame::extend,
         encode(forwarding_note{found->second.key,
                                static_cast<std::uint64_t>(by.count())}));
}

} // namespace callboard
