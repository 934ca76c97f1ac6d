// Nodes that forward, under whatever may happen to them.
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

namespace callboard::test::forwarding_random_test {

namespace {

/// Clients ask and go, leaders change and hear of it late, links break and come
/// back. Every request carries its own number, so that what handlers were asked
/// can be told apart.
class random_forwarding {
public:
  explicit random_forwarding(unsigned seed) : random_(seed) {
    for (int i = 0; i < 4; ++i)
      clients_.push_back({all_.connect(), 1 + any(3)});
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i)
      step();
    heal();
  }

private:
  struct client {
    std::shared_ptr<answer_collector> connection;
    node_id at;
    std::map<std::uint64_t, unsigned> asked{}; // → what it asked
    unsigned last_written = 0;
  };

  struct what {
    bool read = false;
    std::size_t client = 0;
    std::uint64_t id = 0; // of its client
    unsigned served = 0;
  };

  std::size_t any(std::size_t below) { return random_() % below; }

  void step() {
    switch (any(12)) {
      case 0:
      case 1:
      case 2: return ask();
      case 3:
      case 4:
      case 5:
      case 6: return deliver();
      case 7:
      case 8: return answer();
      case 9:
        if (any(5) == 0)
          lead(1 + any(3));
        return;
      case 10: return announce();
      case 11:
        if (any(5) == 0)
          cut();
        else if (any(2) == 0)
          all_.cuts.clear();
        return;
    }
  }

  void ask() {
    auto which = any(clients_.size());
    auto& by = clients_[which];
    auto number = unsigned(asked_.size());
    bool read = any(3) == 0;
    auto id = all_.ask(*by.connection, by.at, "/" + std::to_string(number),
                       read ? http_verb::get : http_verb::post);
    by.asked[id] = number;
    asked_.push_back({.read = read, .client = which, .id = id});
  }

  void deliver() {
    for (auto left = any(6); left > 0; --left) {
      all_.deliver_of_link(any(100));
      note_asked();
    }
  }

  /// What the handlers of all nodes were asked since.
  void note_asked() {
    for (auto& [id, node] : all_.nodes)
      for (; seen_[id] < node.asked.size(); ++seen_[id]) {
        auto& request = node.asked[seen_[id]].request();
        auto number =
          unsigned(std::stoul(std::string{request.target().substr(1)}));
        auto& it = asked_.at(number);
        ++it.served;
        INFO("request " << number);
        if (it.read)
          continue;
        CHECK(it.served == 1); // at most once
        // In order, each connection's own; but for what its client was told the
        // outcome of is unknown, and which was still on its way.
        auto& by = clients_[it.client];
        if (status_of(*by.connection, it.id) != 0)
          continue;
        CHECK(by.last_written <= number);
        by.last_written = number;
      }
  }

  void answer() {
    auto& node = all_.at(1 + any(3));
    if (node.asked.empty())
      return;
    auto& to = node.asked[any(node.asked.size())];
    to.answer({.body = std::string{to.request().target()}});
    all_.run();
  }

  /// The new leader knows first, the old one last.
  void lead(node_id id) {
    if (leader_ && *leader_ != id)
      stop(*leader_);
    if (leader_ != id)
      all_.lead(id);
    leader_ = id;
  }

  void stop(node_id id) {
    all_.stop_leading(id);
    seen_[id] = 0;
    all_.run();
  }

  void announce() {
    auto believed = any(4);
    auto& node = all_.at(1 + any(3));
    if (believed == 0)
      node.forwarder->leader_changed(std::nullopt);
    else if (believed == 1)
      node.forwarder->leader_changed(1 + any(3));
    else
      node.forwarder->leader_changed(leader_);
    all_.run();
  }

  void cut() {
    auto a = 1 + any(3);
    auto b = 1 + any(3);
    if (a != b)
      all_.cut(a, b);
  }

  void heal() {
    all_.cuts.clear();
    lead(1);
    for (int round = 0; round < 3; ++round) {
      all_.announce(std::nullopt);
      all_.announce(1);
      while (all_.deliver_one())
        note_asked();
      for (auto& each : all_.at(1).asked)
        each.answer({.body = std::string{each.request().target()}});
      while (all_.deliver_one())
        note_asked();
    }
    check_answers();
    for (auto& each : clients_)
      each.connection.reset();
    for (auto& [id, node] : all_.nodes)
      node.asked.clear();
    all_.deliver();
    for (auto& [id, node] : all_.nodes) {
      // Node 1 serves its own clients' by the handler that it was not given.
      CHECK((id == 1 || node.forwarder->waiting() == 0));
      CHECK(node.forwarder->out() == 0);
      CHECK(node.requests->in_progress() == 0);
      CHECK((id == 1 || node.requests->clients() == 0));
    }
  }

  /// Everybody has an answer, and it is to the question.
  void check_answers() {
    for (auto& each : clients_)
      for (auto [id, number] : each.asked) {
        INFO("request " << number << " at " << each.at);
        auto status = status_of(*each.connection, id);
        if (status == 200) {
          CHECK(body_of(*each.connection, id) == "/" + std::to_string(number));
          CHECK(asked_[number].served > 0);
        } else {
          CHECK((status == 503 || each.at == 1));
        }
      }
  }

  std::mt19937 random_;
  // No timer plays a part.
  forwarding_fixture all_{[](auto& forwarder, auto&) {
    forwarder.leader_wait_max = forwarder.retry_interval =
      forwarder.answer_wait_max = std::chrono::hours{1};
  }};
  std::vector<client> clients_;
  std::vector<what> asked_;
  std::map<node_id, std::size_t> seen_;
  std::optional<node_id> leader_;
};

} // namespace

TEST_CASE("whatever happens, requests are served at most once, in order, and "
          "answered") {
  auto* wish = std::getenv("SIMULATION_SEEDS");
  auto seeds = wish ? std::stoul(wish) : 300;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    random_forwarding{seed}.run(200);
  }
}

} // namespace callboard::test::forwarding_random_test
