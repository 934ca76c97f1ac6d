// Three nodes that forward to each other, with links that the test moves.
#pragma once

#include "net/forwarded_requests.hpp"
#include "net/request_forwarder.hpp"
#include "tests/support/answer_collector.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard::test {

/// Frames lie in one queue until the test delivers them; who leads is what each
/// node was told last.
class forwarding_fixture {
public:
  struct link_frame {
    node_id from;
    node_id to;
    std::uint8_t kind;
    std::string bytes;
  };

  struct node {
    std::shared_ptr<request_forwarder> forwarder;
    std::shared_ptr<forwarded_requests> requests;
    std::shared_ptr<const served_listeners> served; // null: it does not lead
    std::vector<http_exchange> asked;               // of its handlers, in order
    std::vector<listener> asked_of;
  };

  /// `adjust` changes the options of all.
  explicit forwarding_fixture(
    const std::function<void(forwarder_options&, forwarded_requests_options&)>&
      adjust = {}) {
    for (node_id id = 1; id <= 3; ++id)
      start(id, adjust);
  }

  node& at(node_id id) { return nodes.find(id)->second; }

  /// It answers what it is asked only when the test does.
  void lead(node_id id) {
    auto served = std::make_shared<served_listeners>();
    for (std::size_t i = 0; i < listener_count; ++i)
      (*served)[i] = {[this, id, i](http_request&, const http_exchange& to) {
                        at(id).asked.push_back(to);
                        at(id).asked_of.push_back(static_cast<listener>(i));
                      },
                      "Block: " + std::to_string(i) + "\r\n"};
    at(id).served = std::move(served);
  }

  void stop_leading(node_id id) {
    at(id).served = nullptr;
    at(id).asked.clear();
    at(id).requests->stop_serving();
  }

  /// Everybody hears of it.
  void announce(std::optional<node_id> leader) {
    for (auto& [id, each] : nodes)
      each.forwarder->leader_changed(leader);
  }

  /// All frames, and those that they cause.
  void deliver() {
    while (deliver_one())
      ;
  }

  bool deliver_one() { return deliver_of_link(0); }

  /// The oldest frame of the link that the `which`th frame of all is on: links
  /// do not wait for each other.
  bool deliver_of_link(std::size_t which) {
    run();
    if (frames.empty())
      return false;
    auto& same = frames[which % frames.size()];
    auto found = std::find_if(frames.begin(), frames.end(), [&](auto& each) {
      return each.from == same.from && each.to == same.to;
    });
    auto next = std::move(*found);
    frames.erase(found);
    auto& to = at(next.to);
    to.requests->received(next.from, next.kind, next.bytes, to.served);
    to.forwarder->received(next.from, next.kind, next.bytes);
    run();
    return true;
  }

  /// Both ways: what lies in the queue is lost, and both nodes hear of it.
  void cut(node_id a, node_id b) {
    for (auto [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      cuts.insert({from, to});
      std::erase_if(
        frames, [&](auto& each) { return each.from == from && each.to == to; });
    }
    for (auto [here, there] : {std::pair{a, b}, std::pair{b, a}}) {
      at(here).forwarder->peer_down(there);
      at(here).requests->peer_down(there);
    }
    run();
  }

  void run() {
    context.restart();
    context.poll();
  }

  /// Runs, delivering nothing, until `condition` holds; false: it never did.
  template <class Condition>
  bool eventually(Condition condition) {
    auto begin = std::chrono::steady_clock::now();
    while (!condition()) {
      if (std::chrono::steady_clock::now() - begin > std::chrono::seconds{10})
        return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds{10});
    }
    return true;
  }

  std::shared_ptr<answer_collector> connect() {
    return std::make_shared<answer_collector>(context);
  }

  /// A client of node `of` asks; returns the number of its request.
  std::uint64_t ask(answer_collector& client, node_id of, http_request request,
                    listener to = listener::eventstore) {
    http_handler handler = [this, of, to](http_request& r,
                                          const http_exchange& exchange) {
      exchange.set_header_block("Own: 1\r\n"); // as that of a session
      at(of).forwarder->forward(to, r, exchange);
    };
    return client.begin(handler, std::move(request));
  }

  std::uint64_t ask(answer_collector& client, node_id of,
                    std::string_view target, http_verb verb = http_verb::post,
                    listener to = listener::eventstore) {
    return ask(client, of, make_request(target, verb), to);
  }

  static http_request make_request(std::string_view target,
                                   http_verb verb = http_verb::get,
                                   std::string body = {}) {
    http_request out;
    out.method = verb;
    out.body = std::move(body);
    if (!out.set_target(target))
      throw std::logic_error{"no target"};
    return out;
  }

  /// Of all links, by kind.
  std::size_t count(forwarding_frame kind) const {
    std::size_t out = 0;
    for (auto& each : frames)
      out += each.kind == static_cast<std::uint8_t>(kind) ? 1 : 0;
    return out;
  }

  boost::asio::io_context context;
  std::deque<link_frame> frames;
  std::set<std::pair<node_id, node_id>> cuts; // `send` says no
  std::map<node_id, node> nodes;

private:
  void start(node_id id,
             const std::function<void(forwarder_options&,
                                      forwarded_requests_options&)>& adjust) {
    auto send = [this, id](node_id to, std::uint8_t kind, std::string bytes) {
      if (cuts.contains({id, to}))
        return false;
      frames.push_back({id, to, kind, std::move(bytes)});
      return true;
    };
    forwarder_options forwarder{.thread = 0,
                                .executor = context.get_executor(),
                                .self = id,
                                .send = send};
    forwarded_requests_options requests{.executor = context.get_executor(),
                                        .send = send};
    if (adjust)
      adjust(forwarder, requests);
    auto& made = nodes[id];
    made.forwarder = std::make_shared<request_forwarder>(std::move(forwarder));
    made.requests = std::make_shared<forwarded_requests>(std::move(requests));
  }
};

/// 0: not answered yet.
inline unsigned status_of(const answer_collector& client,
                          std::uint64_t number) {
  auto& found = client.answer_to(number);
  return found ? static_cast<unsigned>(found->answer.status) : 0;
}

inline std::string body_of(const answer_collector& client,
                           std::uint64_t number) {
  auto& found = client.answer_to(number);
  return found ? found->answer.body : "no answer";
}

inline std::string headers_of(const answer_collector& client,
                              std::uint64_t number) {
  return client.answer_to(number)->answer.headers;
}

/// It was refused with 503, to be tried again, for this cause.
inline bool try_again_because(const answer_collector& client,
                              std::uint64_t number, std::string_view cause) {
  return status_of(client, number) == 503
         && headers_of(client, number) == "Retry-After: 1\r\n"
         && body_of(client, number).find(cause) != std::string::npos;
}

} // namespace callboard::test
