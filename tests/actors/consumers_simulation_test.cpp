// Consumers come, poll, crash, expire and come back; the broker crashes too:
// nothing is lost, nothing is skipped, and no position goes back.
#include "tests/support/consumers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <map>
#include <set>

namespace callboard::test::consumers_simulation_test {

using namespace std::chrono_literals;

namespace {

/// What is known of a group in one partition of a topic. Records are numbered
/// by the broker; those below `at_least` were committed for sure, those from
/// `at_most` on cannot have been.
struct known_slice {
  std::uint64_t at_least = 0;
  std::uint64_t at_most = 0;
  std::string holder;          // who was handed the last records
  std::set<std::uint64_t> got; // by anybody
};

class simulation {
public:
  simulation(std::uint64_t seed, std::size_t partitions)
      : partitions_(partitions), w(seed, partitions), random_(seed) {}

  void step() {
    auto id = "c" + std::to_string(random_() % 5);
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
      case 3: produce_some(); break;
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: poll_one(id); break;
      case 9:
      case 10: join_one(id); break;
      case 11: commit_one(id); break;
      case 12: leave_one(id); break;
      case 13: w.vt->advance(std::chrono::seconds(random_() % 70)); break;
      case 14:
        if (random_() % 4 == 0)
          crash();
        break;
      case 15:
        if (random_() % 3 == 0)
          lose_a_flush(id);
        break;
    }
  }

  /// One consumer is left: it gets all that was not committed.
  void drain() {
    w.log->at_once = true;
    w.vt->advance(300s); // everybody is silent
    join_one("last");
    for (int polls = 0; polls < 500; ++polls)
      if (poll_one("last") == 0)
        break;
    for (auto& [slice, data] : produced)
      for (std::uint64_t n = 0; n < data.size(); ++n) {
        INFO(slice.topic << "@" << slice.partition.value << " record " << n);
        REQUIRE(known[slice].got.contains(n));
      }
  }

private:
  void produce_some() {
    topic_slice to{random_() % 2 == 0 ? "x" : "y", {random_() % partitions_}};
    std::vector<std::string> records;
    for (auto n = random_() % 4 + 1; n > 0; --n)
      records.push_back(std::to_string(next_record_++));
    auto done = test::produce(w, to.topic, to.partition.value, records);
    REQUIRE(done.has_value());
    auto& log = produced[to];
    REQUIRE(done->first.value == log.size());
    log.insert(log.end(), records.begin(), records.end());
  }

  void join_one(const std::string& id) {
    // What it was handed before it registered anew is not its own any more.
    auto done = test::join(w, id, {"x", "y"});
    if (done.has_value() && done->outcome == join_outcome::joined)
      registered.insert(id);
    if (done.has_value())
      ++incarnation[id];
  }

  std::string reader(const std::string& id) {
    return id + "/" + std::to_string(incarnation[id]);
  }

  /// The consumer says that it has processed what it was handed.
  void may_commit(const std::string& id) {
    for (auto& [slice, end] : handed[reader(id)])
      known[slice].at_most = std::max(known[slice].at_most, end);
  }

  void did_commit(const std::string& id) {
    for (auto& [slice, end] : handed[reader(id)])
      if (known[slice].holder == reader(id))
        known[slice].at_least = std::max(known[slice].at_least, end);
    handed[reader(id)].clear();
  }

  std::size_t poll_one(const std::string& id) {
    may_commit(id);
    auto reply = test::poll(w, id);
    if (!reply.has_value())
      return 0;
    did_commit(id);
    std::map<topic_slice, std::uint64_t> next;
    for (auto& one : records_of(**reply)) {
      topic_slice slice{one.topic, {one.partition}};
      auto& k = known[slice];
      INFO(one.topic << "@" << one.partition << " record " << one.number
                     << " for " << reader(id));
      REQUIRE(one.data == produced[slice][one.number]);
      auto first = next.emplace(slice, one.number);
      if (first.second) { // where it begins
        REQUIRE(one.number >= k.at_least);
        REQUIRE(one.number <= k.at_most);
      }
      REQUIRE(first.first->second++ == one.number); // no gaps
      k.got.insert(one.number);
      k.holder = reader(id);
      handed[reader(id)][slice] = one.number + 1;
    }
    return next.size();
  }

  void commit_one(const std::string& id) {
    may_commit(id);
    if (test::commit(w, id).has_value())
      did_commit(id);
  }

  void leave_one(const std::string& id) {
    auto commits = random_() % 2 == 0;
    if (commits)
      may_commit(id);
    if (test::leave(w, id, commits).has_value() && commits)
      did_commit(id);
  }

  void crash() {
    w.crash();
    for (auto& [id, number] : incarnation)
      ++number; // what they hold is not committed by what they say now
  }

  /// A request whose record never reaches the disk.
  void lose_a_flush(const std::string& id) {
    w.log->at_once = false;
    may_commit(id);
    caf::scoped_actor self{w.vt->sys};
    [[maybe_unused]] auto pending =
      self->request(w.broker.members, caf::infinite, commit_atom_v,
                    consumer_ref{{id, {}}, {}});
    w.vt->run();
    w.log->fail(errc::storage_failed);
    w.vt->run();
    w.log->at_once = true;
    for (auto& [slice, k] : known)
      k.holder.clear(); // some partitions began anew, and do not know it
  }

  std::size_t partitions_;
  world w;
  std::mt19937_64 random_;
  std::uint64_t next_record_ = 0;
  std::map<topic_slice, std::vector<std::string>> produced;
  std::map<topic_slice, known_slice> known;
  std::set<std::string> registered;
  std::map<std::string, std::uint64_t> incarnation;
  std::map<std::string, std::map<topic_slice, std::uint64_t>> handed;
};

std::uint64_t seeds() {
  auto* text = std::getenv("SIMULATION_SEEDS");
  return text == nullptr ? 60 : std::strtoull(text, nullptr, 10);
}

} // namespace

TEST_CASE("consumers lose nothing, whatever happens") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    INFO("seed " << seed);
    simulation run{seed, seed % 12 + 1};
    for (int i = 0; i < 150; ++i)
      run.step();
    run.drain();
  }
}

} // namespace callboard::test::consumers_simulation_test
