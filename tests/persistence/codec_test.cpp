// Records as bytes: back as they were, and no harm from bytes that are none.
#include "persistence/codec.hpp"
#include "persistence/rows.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

using namespace callboard;

namespace {

record everything() {
  record what;
  what.at = {1'700'000'000'123};
  auto e = std::make_shared<event>();
  e->id.bytes[3] = 9;
  e->type = "order";
  e->data = std::string("\0\x80 raw", 6);
  e->metadata = "{}";
  e->is_json = true;
  e->number = {77};
  e->created = {123'456};
  what.events.push_back({{5}, e});
  stream_row stream{{5},
                    {78},
                    {3},
                    stream_state::soft_deleted,
                    {1, 2, 3, 4, "{\"$r\":\"all\"}"}};
  group_row group;
  group.id = {8};
  group.settings.start_from = -1;
  group.settings.resolve_link_tos = true;
  group.settings.retries.delays_ms = {100, 5000};
  group.settings.retries.jitter = 0.25;
  group.settings.durability = lease_durability::lazy;
  group.source_checkpoint = {40};
  group.next_lease = {12};
  group.settled = 9;
  group.paused_until = {77};
  group.breaker = breaker_state::half_open;
  group.breaker_until = {78};
  group.pause_reason = "why";
  group.breaker_delay_ms = 30'000;
  group.breaker_probe = {10};
  group.began_at = {38};
  group.settings.max_in_flight_per_consumer = 5;
  group.settings.on_lease_loss = lease_loss::charge_guilty;
  run_row run{lane::replay, {41}, 7, run_state::leased, 2, {11}, {99'999}};
  run.first_lease = {98'000};
  delayed_message later{{3}, {99'999}, delayed_kind::retry_due, "s", "g", 11};
  later.body = "more";
  history_row ended{lane::source,
                    {41},
                    {11},
                    7,
                    2,
                    1,
                    {50},
                    {60},
                    {55},
                    lease_outcome::parked,
                    30,
                    {"worker", "10.0.0.1"},
                    "broken",
                    {17}};
  user_row user{"Ann", {"$admins", "x"}, "$argon2id$...", true, {5}};
  what.changes = {put_stream{"s", stream},
                  put_group{"s", "g", group},
                  erase_group{"s", "h"},
                  put_run{{8}, run},
                  erase_run{{8}, lane::source, {40}},
                  put_delayed{later},
                  erase_delayed{{1}, {2}},
                  put_user{"ann", user},
                  erase_user{"bob"},
                  put_consumer{{"c1", "g"}, {"g", {"a", "b"}, 3, {77}}},
                  erase_consumer{{"c2", {}}},
                  put_position{"g", "a@2", {500}},
                  put_history{{8}, ended},
                  erase_history{{8}, lane::replay, {4}, {5}},
                  put_scheduled{uuid{{1, 2, 3}}, {{99}, {7}, 2, "s"}},
                  erase_scheduled{uuid{{1, 2, 3}}},
                  put_piece{{7}, 1, "bytes"},
                  erase_piece{{7}, 1},
                  put_answer{{8}, "key", {{5}, "abc", {12}, 77}},
                  erase_answer{{8}, "key"}};
  return what;
}

} // namespace

TEST_CASE("a record is read as it was written") {
  auto what = everything();
  auto back = decode(encode(what)).value();
  CHECK(back.at == what.at);
  CHECK(back.changes == what.changes);
  REQUIRE(back.events.size() == 1);
  CHECK(back.events[0].stream == what.events[0].stream);
  CHECK(*back.events[0].what == *what.events[0].what);
}

TEST_CASE("a record that is cut short anywhere is refused") {
  auto bytes = encode(everything());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(!decode(std::string_view{bytes}.substr(0, n)));
  CHECK(decode(bytes + "x").error() == errc::corrupt);
}

TEST_CASE("a group of an earlier build began where it was asked to") {
  // As it was written before rows said where a group began.
  std::string head{"\x01\x01\x00\x01\x01\x01\x73\x01\x67\x08\x00", 11};
  std::string rest{"\xa0\x9c\x01\x14\xe8\x07\xe8\x07\x28\xd0\x0f\x14\xe8\x07"
                   "\x14\x00\x00\x00\nRoundRobin\x00\x00\x00\x00\x00\x00\x00"
                   "\x00\x00\x40\x80\xdd\xdb\x01\x00\x00\x00\x00\x00\x00\x00"
                   "\x00\x28\x01\x02\x0c\x09\x03\x11\x4d\x02\x4e\x03why\xb0\xea"
                   "\x01\x0a\x63",
                   70};
  for (std::int64_t start : {3, -1}) {
    auto what = decode(head + (start < 0 ? '\x01' : '\x06') + rest).value();
    auto& row = std::get<put_group>(what.changes.at(0)).row;
    CHECK(row.settings.start_from == start);
    CHECK(row.began_at == event_number{start < 0 ? 0U : 3U});
    CHECK(row.source_checkpoint == event_number{40});
    CHECK(row.breaker == breaker_state::half_open);
    CHECK(row.pause_reason == "why");
    CHECK(row.parked_job_due == wall_time{99});
    CHECK(decode(encode(what)).value().changes == what.changes);
  }
}

TEST_CASE("another version of a record is told apart") {
  auto bytes = encode(everything());
  bytes[0] = 9;
  CHECK(decode(bytes).error() == errc::unknown_format);
}

TEST_CASE("random bytes never harm the reader") {
  auto bytes = encode(everything());
  std::mt19937_64 random{1};
  for (int i = 0; i < 20'000; ++i) {
    auto damaged = bytes;
    for (int flips = 1 + int(random() % 4); flips > 0; --flips)
      damaged[1 + random() % (damaged.size() - 1)] = char(random());
    [[maybe_unused]] auto any = decode(damaged); // sanitizers watch
  }
}

TEST_CASE("rows are read as they were written") {
  for (auto& one : everything().changes) {
    auto row = to_row({3}, one);
    CHECK(row.key.size() >= 3);
    if (auto* x = std::get_if<put_stream>(&one))
      CHECK(read_stream(row.key, *row.value).value() == x->row);
    else if (auto* group = std::get_if<put_group>(&one))
      CHECK(read_group(row.key, *row.value).value() == group->row);
    else if (auto* run = std::get_if<put_run>(&one))
      CHECK(read_run(row.key, *row.value).value() == run->row);
    else if (auto* later = std::get_if<put_delayed>(&one))
      CHECK(read_delayed(row.key, *row.value).value() == later->message);
    else if (auto* user = std::get_if<put_user>(&one))
      CHECK(read_user(row.key, *row.value).value() == user->row);
    else if (auto* consumer = std::get_if<put_consumer>(&one))
      CHECK(read_consumer(row.key, *row.value).value() == consumer->row);
    else if (auto* at = std::get_if<put_position>(&one))
      CHECK(read_position(row.key, *row.value).value() == at->next);
    else if (auto* past = std::get_if<put_history>(&one))
      CHECK(read_history(row.key, *row.value).value() == past->row);
    else if (auto* planned = std::get_if<put_scheduled>(&one))
      CHECK(read_scheduled(row.key, *row.value).value() == planned->row);
    else if (auto* part = std::get_if<put_piece>(&one))
      CHECK(read_piece(row.key, *row.value).value() == part->bytes);
    else if (auto* answer = std::get_if<put_answer>(&one))
      CHECK(read_answer(row.key, *row.value).value() == answer->row);
    else
      CHECK(!row.value);
  }
  CHECK(read_stream("key", "").error() == errc::corrupt);
  std::string newer = "\x09";
  seal("key", newer);
  CHECK(read_stream("key", newer).error() == errc::unknown_format);
}

TEST_CASE("no flipped bit of a row, and no other key, is read as a row") {
  for (auto& one : everything().changes) {
    auto row = to_row({3}, one);
    if (!std::holds_alternative<put_stream>(one))
      continue;
    for (std::size_t bit = 0; bit < 8 * row.value->size(); ++bit) {
      auto flipped = *row.value;
      flipped[bit / 8] = char(flipped[bit / 8] ^ (1 << bit % 8));
      CHECK(read_stream(row.key, flipped).error() == errc::corrupt);
    }
    CHECK(read_stream(row.key + "x", *row.value).error() == errc::corrupt);
  }
}
