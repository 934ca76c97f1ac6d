// Seeds that mix pushing connections, which break and come back, with polls,
// plain acks, batches of settles, retries and leases that end: what is acked
// never comes again, attempts are exact, nothing is lost.
#include "net/event_push.hpp"
#include "tests/support/known_events.hpp"
#include "tests/support/pushed_client.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace callboard::test::event_push_random_test {
using namespace std::chrono_literals;
using nlohmann::json;

namespace {
constexpr std::uint64_t lease_ms = 10'000;
const std::string group = "/subscriptions/s/g";
const headers json_body{{"Content-Type", "application/json"}};

struct connection {
  std::shared_ptr<pushed_client> client;
  std::string name; // of its consumer
  std::size_t credit = 1;
  std::string last{}; // id of the event that came last
};

/// How often what is to be tested happened, over all seeds.
struct happenings {
  std::size_t broken = 0; // connections that had events
  std::size_t resumed = 0;
  std::size_t expired = 0;
  std::size_t retried = 0;
  std::size_t pushed = 0;
  std::size_t polled = 0;
  std::size_t plain_acks = 0;
  std::size_t late_acks = 0; // of what was not in flight any more
  std::size_t batch_acks = 0;
};

class mixed_consumers : dialect_fixture {
public:
  mixed_consumers(std::uint64_t seed, happenings& seen)
      : random_(seed), seen_(seen) {
    json settings{{"maxRetryCount", 1'000},
                  {"messageTimeoutMilliseconds", lease_ms}};
    auto made = call(http_verb::put, group, json_body, settings.dump());
    REQUIRE(made.status() == 201);
  }

  ~mixed_consumers() { // nothing may come once its members are gone
    for (auto* some : {&connections_, &swallowed_})
      for (auto& one : *some)
        one.client->stop();
    settle();
  }

  mixed_consumers(const mixed_consumers&) = delete;
  mixed_consumers& operator=(const mixed_consumers&) = delete;

  void step() {
    switch (any(15)) {
      case 0:
      case 1: return publish_some(any(8) + 1);
      case 2:
      case 3: return connect();
      case 4: return leave(any(2) == 0);
      case 5: return leave_while_delivering();
      case 6: return resume();
      case 7:
      case 8: return poll();
      case 9:
      case 10: return ack_one();
      case 11: return settle_many();
      case 12: return any(2) == 0 ? restart_group() : come_and_go();
      default: return pass(any(6'000) + 1);
    }
  }

  /// One connection is left, and what it gets is acked.
  void drain() {
    while (!swallowed_.empty())
      notice();
    while (!connections_.empty())
      leave(true);
    connect();
    for (int rounds = 0; !events_.all_acked(); ++rounds) {
      REQUIRE(rounds < 1'000);
      if (!some_event(true))
        pass(1'000); // what is left waits
      ack_one();
    }
    auto info = get(group + "/info").json();
    CHECK(info["lastProcessedEventNumber"] == std::int64_t(ids_.size()) - 1);
    CHECK(info["totalInFlightMessages"] == 0);
    CHECK(info["parkedMessageCount"] == 0);
    leave(false);
    pass(2 * lease_ms);
    CHECK(fetch(group + "/100")["entries"].empty());
  }

private:
  std::uint64_t any(std::uint64_t below) { return random_() % below; }

  std::string next_id() {
    ids_.push_back(to_string(world::id(ids_.size() + 1)));
    events_.published(ids_.back());
    return ids_.back();
  }

  void publish_some(std::uint64_t count) {
    for (; count > 0; --count) {
      publish_quietly();
      settle();
    }
    look();
  }

  void publish_quietly() {
    begin_quietly(http_verb::post, "/streams/s",
                  {{"Content-Type", "application/json"},
                   {"ES-EventType", "order"},
                   {"ES-EventId", next_id()}},
                  "{}");
  }

  // --- connections -----------------------------------------------------------

  void connect() {
    if (connections_.size() < 4)
      listen(1 + any(6), {});
  }

  connection begin_listening(std::size_t credit, const std::string& last) {
    connection made{std::make_shared<pushed_client>(context),
                    "c" + std::to_string(asks_.size()), credit, last};
    http_request request;
    request.method = http_verb::get;
    REQUIRE(request.set_target(
      group + "/events?maxInFlight=" + std::to_string(credit)));
    request.add_header("Host", "h:2113");
    request.add_header("ES-TrustedAuth", "admin; $admins");
    request.add_header("Consumer-Name", made.name);
    if (!last.empty())
      request.add_header("Last-Event-ID", last);
    asks_[made.name] = 0;
    made.client->begin(push_, std::move(request));
    return made;
  }

  void listen(std::size_t credit, const std::string& last) {
    connections_.push_back(begin_listening(credit, last));
    look();
  }

  /// Gone before its answer has begun: what was leased for it goes back.
  void come_and_go() {
    auto made = begin_listening(1 + any(6), {});
    if (any(2) == 0)
      w.vt->run();
    made.client->go();
    look();
  }

  connection take_any() {
    auto at = connections_.begin() + std::ptrdiff_t(any(connections_.size()));
    auto out = *at;
    connections_.erase(at);
    return out;
  }

  void given_back(const connection& by) {
    seen_.broken += events_.left(by.name) > 0 ? 1 : 0;
    look();
  }

  /// The client closes its connection, or the server does.
  void leave(bool client_goes) {
    if (connections_.empty())
      return;
    auto gone = take_any();
    if (client_goes)
      gone.client->go();
    else
      gone.client->stop();
    given_back(gone);
  }

  /// What is leased for it while it leaves never reaches it.
  void leave_while_delivering() {
    if (connections_.empty())
      return;
    publish_quietly();
    if (any(2) == 0)
      w.vt->run(); // it is leased, and on its way
    auto gone = take_any();
    gone.client->go();
    given_back(gone);
  }

  /// The network broke, and the server has not noticed; the client comes back
  /// and says what it had last.
  void resume() {
    if (connections_.empty())
      return;
    auto from = take_any();
    swallowed_.push_back(from);
    auto end = from.last.find('/');
    if (end != std::string::npos)
      seen_.resumed += events_.released(from.last.substr(0, end));
    listen(from.credit, from.last);
    if (any(2) == 0)
      notice();
  }

  void notice() {
    auto gone = swallowed_.back();
    swallowed_.pop_back();
    gone.client->go();
    given_back(gone);
  }

  // --- polls and settling ----------------------------------------------------

  void poll() {
    auto got = get(group + "/" + std::to_string(any(4) + 1),
                   {{"Accept", "application/vnd.eventstore.competingatom+json"},
                    {"Consumer-Name", "poller"}});
    REQUIRE(got.status() == 200);
    auto feed = got.json();
    auto& entries = feed["entries"]; // the last one is first
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      auto number = std::stoull((*entry)["title"].get<std::string>()); // 12@s
      events_.delivered(ids_.at(number),
                        (*entry)["retryCount"].get<std::uint32_t>() + 1,
                        got.header("Lease"), "poller", w.now());
      ++seen_.polled;
    }
    look();
  }

  /// An event that somebody has, or had.
  std::optional<std::string> some_event(bool in_flight) {
    auto all = events_.ids_of([&](auto& one) {
      return in_flight ? one.in_flight() : one.charged > 0 || one.acked;
    });
    if (all.empty())
      return std::nullopt;
    return all[any(all.size())];
  }

  void ack_one() {
    auto id = some_event(any(8) != 0);
    if (!id)
      return;
    bool takes_effect = events_.ack(*id);
    auto got = post(group + "/ack/" + *id);
    CHECK(got.status() == 202);
    CHECK(!got.header("Durability").empty() == takes_effect);
    ++(takes_effect ? seen_.plain_acks : seen_.late_acks);
    look();
  }

  void settle_many() {
    json body{{"next", {{"count", any(4) + 1}}}};
    std::size_t take_effect = 0;
    std::set<std::string> named;
    for (auto left = any(4); left > 0; --left) {
      auto id = some_event(any(8) != 0);
      if (!id || !named.insert(*id).second)
        continue;
      if (any(3) > 0) {
        body["ack"].push_back(*id);
        take_effect += events_.ack(*id) ? 1 : 0;
        ++seen_.batch_acks;
        continue;
      }
      auto delay = any(3) * 1'000;
      json nack{{"id", *id}};
      if (delay > 0)
        nack["delay"] = std::to_string(delay) + "ms";
      body["nack"].push_back(std::move(nack));
      take_effect += events_.retry(*id, w.now() + delay) ? 1 : 0;
      ++seen_.retried;
    }
    auto got =
      call(http_verb::post, group + "/settle",
           {{"Content-Type", "application/json"}, {"Consumer-Name", "batches"}},
           body.dump());
    REQUIRE(got.status() == 200);
    auto answer = got.json();
    CHECK(answer.value("applied", std::size_t{0}) == take_effect);
    for (auto& event : answer["events"])
      delivered(event, "batches");
    look();
  }

  // --- time ------------------------------------------------------------------

  /// From one moment at which something ends to the next, so that each delivery
  /// is seen when it is made.
  void pass(std::uint64_t ms) {
    auto end = w.now() + ms;
    while (w.now() < end) {
      auto next = events_.next_moment(w.now(), end);
      advance(std::chrono::milliseconds{next.value - w.now().value});
      seen_.expired += events_.expire(w.now());
      look();
    }
  }

  /// Its actor ends, and is built from its rows again.
  void restart_group() {
    w.vt->ask<bool>(w.partition_of("s"), restart_atom_v).value();
    look();
  }

  // --- what came -------------------------------------------------------------

  void delivered(const json& event, const std::string& holder) {
    events_.delivered(event["id"], event["attempt"], event["lease"], holder,
                      w.now());
  }

  void look() {
    quiet();
    for (auto* some : {&connections_, &swallowed_})
      for (auto& one : *some)
        read(one);
    for (auto& one : connections_)
      CHECK(events_.held_by(one.name) <= one.credit);
  }

  void read(connection& from) {
    for (auto& [id, data] : from.client->take()) {
      from.last = id;
      delivered(json::parse(data), from.name);
      ++seen_.pushed;
    }
  }

  /// Until each connection waits for what comes next: it has asked once more
  /// than it was answered, and what it writes first is no answer.
  void quiet() {
    auto waits = [&](auto& one) {
      return one.client->ended || asks_.at(one.name) == one.client->parts;
    };
    auto patience = std::chrono::steady_clock::now() + 10s;
    do {
      settle();
      REQUIRE(std::chrono::steady_clock::now() < patience);
    } while (!std::all_of(connections_.begin(), connections_.end(), waits)
             || !std::all_of(swallowed_.begin(), swallowed_.end(), waits));
  }

  std::mt19937_64 random_;
  happenings& seen_;
  known_events events_{lease_ms};
  std::vector<std::string> ids_; // in the order of the stream
  std::vector<connection> connections_;
  std::vector<connection> swallowed_; // the server still pushes to them
  std::map<std::string, std::size_t> asks_;
  http_handler push_ = push_events(
    {.next =
       [this](http_request& request, const http_exchange& exchange) {
         if (request.body.find("\"next\"") != std::string::npos)
           ++asks_.at(std::string{request.header("Consumer-Name").value()});
         handler()(request, exchange);
       },
     .pause = 0ms});
};

} // namespace

TEST_CASE("pushing beside polling, settling and silence, by seed: acked is "
          "over, attempts are exact, nothing is lost") {
  auto* wish = std::getenv("SIMULATION_SEEDS");
  auto seeds = wish ? std::stoull(wish) : 60;
  happenings seen;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    mixed_consumers run{seed, seen};
    for (int i = 0; i < 120; ++i)
      run.step();
    run.drain();
  }
  for (auto often :
       {seen.broken, seen.resumed, seen.expired, seen.retried, seen.pushed,
        seen.polled, seen.plain_acks, seen.late_acks, seen.batch_acks})
    CHECK(often > seeds); // each of them is in the mix
}

} // namespace callboard::test::event_push_random_test
