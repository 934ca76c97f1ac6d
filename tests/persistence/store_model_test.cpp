// The store against a plain model: flushes, restarts, scans, cuts.
#include "persistence/codec.hpp"
#include "persistence/store.hpp"
#include "tests/support/stored_events.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

using namespace callboard;
using namespace callboard::test;

namespace {

/// What a store should hold: everything that was applied, kept as a log.
struct model {
  std::vector<record> log;
  std::map<std::string, stream_row> streams;
  std::map<std::uint64_t, std::map<std::uint64_t, event>> events; // by stream
  std::map<std::pair<std::uint64_t, std::uint64_t>, delayed_message> delayed;
  std::map<std::uint64_t, run_row> runs; // of group 7, source lane

  void apply(const record& what) {
    log.push_back(what);
    for (auto& [stream, e] : what.events)
      events[stream.value][e->number.value] = *e;
    for (auto& one : what.changes) {
      if (auto* x = std::get_if<put_stream>(&one))
        streams[x->name] = x->row;
      else if (auto* later = std::get_if<put_delayed>(&one))
        delayed[{later->message.due.value, later->message.id.value}] =
          later->message;
      else if (auto* never = std::get_if<erase_delayed>(&one))
        delayed.erase({never->due.value, never->id.value});
      else if (auto* run = std::get_if<put_run>(&one))
        runs[run->row.first.value] = run->row;
      else if (auto* gone = std::get_if<erase_run>(&one))
        runs.erase(gone->first.value);
    }
  }
};

record random_record(std::mt19937_64& random, const model& now) {
  record what;
  what.at = {now.log.size() + 1};
  auto stream = 1 + random() % 5;
  auto name = "stream-" + std::to_string(stream);
  auto known = now.streams.find(name);
  stream_row row;
  if (known != now.streams.end())
    row = known->second;
  row.id = {stream};
  for (auto left = random() % 4; left > 0; --left) {
    auto bytes = random() % 20 == 0 ? 9'000 : random() % 1'500;
    what.events.push_back({row.id, make_event(row.next.value, bytes, stream)});
    row.next = row.next + 1;
  }
  if (random() % 10 == 0)
    row.first_live.value +=
      (row.next.value - row.first_live.value) * (random() % 3) / 2;
  what.changes.emplace_back(put_stream{name, row});
  delayed_message later{
    {random() % 50}, {random() % 100}, delayed_kind::lease_end, name, "g",
    random() % 9};
  if (random() % 2 == 0)
    what.changes.emplace_back(put_delayed{later});
  else
    what.changes.emplace_back(erase_delayed{later.due, later.id});
  run_row run{lane::source,
              {random() % 40},
              1 + random() % 3,
              run_state::retry,
              std::uint32_t(random() % 5),
              {},
              {}};
  if (random() % 2 == 0)
    what.changes.emplace_back(put_run{{7}, run});
  else
    what.changes.emplace_back(erase_run{{7}, lane::source, run.first});
  return what;
}

void compare(const store& db, const model& now) {
  auto streams = db.streams(p0, "", 100).value();
  REQUIRE(streams.size() == now.streams.size());
  for (auto& [name, row] : streams)
    REQUIRE(now.streams.at(name) == row);
  for (auto& [name, row] : now.streams) {
    REQUIRE(db.stream(p0, name).value() == row);
    auto live = db.read(p0, row.id, row.first_live,
                        row.next.value - row.first_live.value, SIZE_MAX)
                  .value();
    REQUIRE(live.size() == row.next.value - row.first_live.value);
    for (auto& e : live)
      REQUIRE(*e == now.events.at(row.id.value).at(e->number.value));
  }
  std::vector<delayed_message> expected;
  for (auto& [key, message] : now.delayed)
    expected.push_back(message);
  REQUIRE(db.delayed(p0, {}, {}, {UINT64_MAX}, SIZE_MAX).value() == [&] {
    auto all = expected; // (0, 0) is where the scan begins: behind it
    std::erase_if(all,
                  [](auto& m) { return m.due.value == 0 && m.id.value == 0; });
    return all;
  }());
  std::vector<run_row> runs;
  for (auto& [first, row] : now.runs)
    runs.push_back(row);
  REQUIRE(db.runs(p0, {7}).value() == runs);
}

} // namespace

TEST_CASE("a store equals its log, through flushes and restarts") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    temporary_folder folder;
    auto db = open_store(folder.path, random() % 2 == 0 ? 0 : 100'000);
    model now;
    for (int step = 0; step < 150; ++step) {
      auto what = random_record(random, now);
      now.apply(what);
      db->apply(p0, {now.log.size()}, what, encode(what).size());
      if (random() % 8 == 0)
        REQUIRE(db->flush().has_value());
      if (random() % 30 == 0) {
        db.reset();
        db = open_store(folder.path);
        for (auto i = db->applied(p0).value; i < now.log.size(); ++i)
          db->apply(p0, {i + 1}, now.log[i], encode(now.log[i]).size());
      }
      if (step % 25 == 0)
        compare(*db, now);
    }
    compare(*db, now);
    REQUIRE(db->scavenge().has_value());
    compare(*db, now);
  }
}
