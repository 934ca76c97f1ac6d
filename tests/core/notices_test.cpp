// Notices on their way to `$callboard-events`.
#include "actors/core/json_words.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/notices.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

TEST_CASE("notices come out of their bodies as they went in, in order") {
  std::vector<notice> all;
  for (int i = 0; i < 100; ++i)
    all.push_back({"event-parked", "{\"n\":" + std::to_string(i) + "}"});
  all[7].data += std::string(3000, ' ');
  auto packed = pack(all);
  CHECK(packed.left_out == 0);
  CHECK(packed.bodies.size() > 1);
  std::vector<new_event> events;
  for (auto& body : packed.bodies) {
    CHECK(body.size() <= limits::notices_bytes_max);
    for (auto& one : unpack_notices(body, {2}, events.size()))
      events.push_back(one);
  }
  REQUIRE(events.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(events[i].type == all[i].type);
    CHECK(events[i].data == all[i].data);
  }
}

TEST_CASE("a notice that fits no row is left out, the others are told") {
  std::vector<notice> all{
    {"a", "{}"}, {"b", std::string(4000, ' ')}, {"c", "{}"}};
  auto packed = pack(all);
  CHECK(packed.left_out == 1);
  REQUIRE(packed.bodies.size() == 1);
  CHECK(unpack_notices(packed.bodies.front(), {0}, 1).size() == 2);
}

TEST_CASE("ids of notices follow from where they were, and differ") {
  auto body =
    pack(std::vector<notice>{{"a", "{}"}, {"b", "{}"}}).bodies.front();
  auto first = unpack_notices(body, {1}, 5);
  CHECK(first == unpack_notices(body, {1}, 5));
  CHECK(first[0].id != first[1].id);
  CHECK(first[0].id != unpack_notices(body, {2}, 5)[0].id);
  CHECK(first[0].id != unpack_notices(body, {1}, 6)[0].id);
}

TEST_CASE("a text in JSON comes back as it was") {
  for (std::string text : {"", "plain", "a \"quoted\" \\ one", "two\nlines\t"})
    CHECK(read_json_text(json_text(text) + ", more") == text);
  CHECK(read_json_text("no text").empty());
  CHECK(read_json_text("\"cut off\\").size() == 7);
}
