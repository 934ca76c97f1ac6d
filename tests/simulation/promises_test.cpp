// Random load, lost flushes, crashes: the promises of design 1 hold at each
// step.
#include "actors/core/names.hpp"
#include "tests/simulation/lone_partition.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <set>

using namespace callboard;
using namespace callboard::test;

namespace {

const std::string stream = "s";

/// What a group's clients were told, and what must therefore be true.
struct told {
  std::uint32_t max_retry_count = 0;
  std::set<std::uint64_t> settled;             // 202 for ack or skip
  std::map<position, std::uint32_t> delivered; // a replay is a new life
  std::map<std::uint64_t, wall_time> not_before;
  std::map<uuid, std::uint64_t> in_hand; // ids as delivered → number
  bool overtaken = false;
};

class simulation {
public:
  explicit simulation(std::uint64_t seed) : p(seed) {
    for (int g = 0; g < 3; ++g) {
      group_key key{stream, "g" + std::to_string(g)};
      group_settings settings;
      settings.message_timeout_ms = 1'000 * (g + 1);
      settings.max_retry_count = g;
      if (g == 1)
        settings.retries.delays_ms = {500, 2'000};
      p.create(key, settings, [] {});
      clients[key].max_retry_count = std::uint32_t(g);
    }
    p.flush();
  }

  void step() {
    switch (p.random() % 20) {
      case 0:
      case 1:
      case 2: publish(); break;
      case 3: p.append({stream, 1'000'000, {event()}, {}}, refused()); break;
      case 4:
      case 5:
      case 6:
      case 7: fetch(); break;
      case 8:
      case 9:
      case 10: settle(settle_action::ack); break;
      case 11: settle(settle_action::skip); break;
      case 12:
      case 13: settle(settle_action::retry); break;
      case 14: settle(settle_action::park); break;
      case 15: p.now = p.now + p.random() % 1'500; break;
      case 16: p.fire_due(); break;
      case 17: p.flush(1 + p.random() % 4); break;
      case 18: replay(); break;
      case 19:
        if (p.random() % 6 == 0)
          crash();
        else
          p.flush();
        break;
    }
    check();
  }

  /// Ends all leases, then acks whatever comes, until nothing comes any more.
  void drain() {
    draining = true;
    for (int round = 0; round < 400; ++round) {
      p.flush();
      p.now = p.now + 5'000;
      p.fire_due();
      p.flush();
      bool idle = true;
      for (auto& [key, client] : clients) {
        fetch_from(key, client, 100);
        p.flush();
        idle = idle && client.in_hand.empty();
        settle_all(key, client);
        p.flush();
      }
      check();
      if (idle)
        break;
    }
    for (auto& [key, client] : clients) {
      auto& core = p.group(key);
      REQUIRE(core.in_flight() == 0);
      REQUIRE(core.retrying() == 0);
      REQUIRE(core.ready() == 0);
      std::set<std::uint64_t> parked;
      for (auto& [n, number] : all_parked(key)) {
        REQUIRE(parked.insert(number).second); // parked once
        REQUIRE(!client.settled.contains(number));
      }
      REQUIRE(parked.size() == core.parked());
      REQUIRE(client.settled.size() + parked.size()
              >= p.head(stream)->next.value - unsure_settled[key].size());
    }
    // Everything that was promised to publishers is there, once, in order.
    std::map<uuid, std::uint64_t> stored;
    for (std::uint64_t n = 0; n < p.head(stream)->next.value; ++n)
      REQUIRE(stored.emplace(p.committed(stream, {n})->id, n).second);
    for (auto& [id, number] : published)
      REQUIRE(stored.at(id) == number);
  }

private:
  new_event event() { return {p.new_id(), "t", "d", "", false}; }

  std::function<void(append_reply)> refused() {
    return
      [](append_reply reply) { REQUIRE(reply.error == errc::wrong_version); };
  }

  void publish() {
    append_request what{stream, expected_version::any, {}, {}};
    if (!unsure.empty() && p.random() % 2 == 0)
      what.events = unsure[p.random() % unsure.size()]; // again, same ids
    else
      for (auto n = 1 + p.random() % 4; n > 0; --n)
        what.events.push_back(event());
    unsure.push_back(what.events);
    auto ids = what.events;
    p.append(what, [this, ids](append_reply reply) {
      REQUIRE(reply.error == errc::none);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        auto [known, fresh] =
          published.emplace(ids[i].id, reply.first.value + i);
        REQUIRE(known->second == reply.first.value + i);
      }
    });
  }

  std::pair<const group_key, told>& any_client() {
    auto at = clients.begin();
    std::advance(at, p.random() % clients.size());
    return *at;
  }

  void fetch() {
    auto& [key, client] = any_client();
    fetch_from(key, client, 1 + p.random() % 6);
  }

  void fetch_from(const group_key& key, told& client, std::size_t count) {
    p.fetch(key, count, [this, &key, &client](const auto& batch) {
      if (!draining && !batch.empty()
          && p.random() % 10 == 0) // its client went away
        return p.perform(
          key, p.group(key).release(batch.front().first.lease, p.now), [] {});
      for (auto& [leased, e] : batch) {
        auto number =
          leased.at.in == lane::source ? e->number.value : std::stoull(e->data);
        INFO(key.group << " event " << number << " attempt " << leased.attempt);
        REQUIRE(!client.settled.contains(number));
        REQUIRE(leased.attempt <= client.max_retry_count + 1);
        REQUIRE(++client.delivered[leased.at] <= leased.attempt);
        // Only a crash can count a delivery that nobody saw; or an answer by id
        // that came while the next lease was on its way to the disk.
        REQUIRE((crashed || client.overtaken
                 || client.delivered[leased.at] == leased.attempt));
        client.delivered[leased.at] = leased.attempt;
        if (auto wait = client.not_before.find(number);
            wait != client.not_before.end())
          REQUIRE(p.now >= wait->second);
        client.not_before.erase(number);
        client.in_hand[e->id] = number;
      }
    });
  }

  void settle(settle_action action) {
    auto& [key, client] = any_client();
    std::vector<uuid> ids;
    for (auto& [id, number] : client.in_hand)
      if (p.random() % 2 == 0)
        ids.push_back(id);
    settle_ids(key, client, action, ids);
  }

  void settle_all(const group_key& key, told& client) {
    std::vector<uuid> ids;
    for (auto& [id, number] : client.in_hand)
      ids.push_back(id);
    settle_ids(key, client, settle_action::ack, ids);
  }

  void settle_ids(const group_key& key, told& client, settle_action action,
                  const std::vector<uuid>& ids) {
    std::optional<std::uint64_t> delay;
    if (action == settle_action::retry && p.random() % 2 == 0)
      delay = p.random() % 3'000;
    for (auto& id : ids) { // one by one: which of them had an effect?
      auto number = client.in_hand[id];
      client.in_hand.erase(id);
      auto& core = p.group(key);
      auto todo =
        core.settle(action, std::vector{id}, "asked", delay, p.now, p.random());
      bool applied = todo.applied > 0;
      client.overtaken = client.overtaken || (applied && p.unflushed() > 0);
      bool parks_it = !todo.parked.empty();
      auto due = p.now + delay.value_or(0);
      bool settles =
        action == settle_action::ack || action == settle_action::skip;
      if (applied && settles)
        unsure_settled[key].insert(number);
      p.perform(
        key, std::move(todo),
        [&client, applied, settles, number, due, parks_it, action, delay] {
          if (applied && settles)
            client.settled.insert(number);
          else if (applied && action == settle_action::retry && delay
                   && !parks_it)
            client.not_before[number] = due;
        });
    }
  }

  /// Numbers in the parked stream that can be read, and in the stream itself.
  std::vector<std::pair<event_number, std::uint64_t>>
  all_parked(const group_key& key) {
    std::vector<std::pair<event_number, std::uint64_t>> out;
    auto name = parked_stream(key.stream, key.group);
    for (auto at = p.group(key).next_parked({}); at;
         at = p.group(key).next_parked(at->end()))
      for (auto n = at->first; n < at->end(); n = n + 1)
        if (auto link = p.committed(name, n))
          out.emplace_back(n, std::stoull(link->data));
    return out;
  }

  /// Some of what is parked is replayed or discarded, or a replay is stopped.
  void change_parked(const group_key& key, told& client) {
    auto& core = p.group(key);
    bool discards = p.random() % 4 == 0;
    std::vector<event_number> chosen;
    std::vector<std::uint64_t> settled;
    for (auto& [n, number] : all_parked(key))
      if (p.random() % 3 == 0) {
        chosen.push_back(n);
        settled.push_back(number);
      }
    if (p.random() % 4 == 0)
      return p.perform(key, core.stop_replay(), [] {});
    if (!discards) {
      p.perform(key, core.replay_these(chosen), [] {});
      return client.not_before.clear();
    }
    auto todo = core.discard(chosen, "by hand", p.now);
    REQUIRE(todo.applied == chosen.size());
    unsure_settled[key].insert(settled.begin(), settled.end());
    p.perform(key, std::move(todo), [&client, settled] {
      client.settled.insert(settled.begin(), settled.end());
    });
  }

  void replay() {
    auto& [key, client] = any_client();
    if (p.random() % 2 == 0)
      return change_parked(key, client);
    auto stop = p.random() % 2 == 0
                  ? std::nullopt
                  : std::optional{event_number{p.random() % 6}};
    p.perform(key, p.group(key).replay(stop), [] {});
    client.not_before.clear();
  }

  void crash() {
    p.crash();
    crashed = true;
    for (auto& [key, client] : clients) {
      client.in_hand.clear();
      client.not_before.clear(); // of what was lost: kept ones are rows
    }
  }

  void check() {
    for (auto& [key, client] : clients) {
      auto& core = p.group(key);
      auto published_now = core.end().value;
      INFO(key.group);
      REQUIRE(published_now
              == core.row().settled + core.parked() + core.in_flight()
                   + core.waiting() + core.ready());
    }
  }

  lone_partition p;
  bool crashed = false;
  bool draining = false;
  std::map<group_key, told> clients;
  std::vector<std::vector<new_event>> unsure; // batches, sent at least once
  std::map<uuid, std::uint64_t> published;    // 2xx: id → number
  std::map<group_key, std::set<std::uint64_t>> unsure_settled;
};

} // namespace

TEST_CASE("promises hold through lost flushes and crashes, for many seeds") {
  // SIMULATION_SEED=n repeats one; SIMULATION_SEEDS=n makes a long run.
  auto* one = std::getenv("SIMULATION_SEED");
  auto* many = std::getenv("SIMULATION_SEEDS");
  std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  std::uint64_t count = one    ? 1
                        : many ? std::strtoull(many, nullptr, 10)
                               : 3'000;
  for (auto seed = first; seed < first + count; ++seed) {
    INFO("SIMULATION_SEED=" << seed);
    simulation run{seed};
    for (int step = 0; step < 250; ++step)
      run.step();
    run.drain();
  }
}
