// Consumers that are their connections: several of one, and one of several.
#include "tests/support/consumer_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::barco_connections_test {

namespace {

std::string consumer(const std::string& id, const std::string& topic = "t") {
  return R"({"id":")" + id + R"(","group":"g","topics":[")" + topic + R"("]})";
}

struct connected_consumers : consumer_fixture {
  seen_answer call(const connection& from, const std::string& what,
                   std::string body = {}) {
    return barco_fixture::call(from, http_verb::post, "/v1/consumer/" + what,
                               {{"Accept", "application/json"}},
                               std::move(body));
  }

  auto registered() const { return w.node->counts.consumers_registered.load(); }

  connection second = connect();
};

} // namespace

TEST_CASE("67: a goodbye on one of two connections of a consumer changes "
          "nothing for the other") {
  connected_consumers f;
  f.call(f.first, "register", consumer("c1"));
  f.call(f.second, "register", consumer("c1"));
  produce(f.w, "t", 1, {"1"}).value();
  CHECK(f.call(f.first, "poll").status() == 200);
  SECTION("of the older one") {
    CHECK(f.call(f.first, "goodbye").status() == 200);
    CHECK(f.call(f.first, "poll").status() == 409);
    CHECK(f.call(f.second, "poll").status() == 204); // it was committed
  }
  SECTION("of the older one, which commits nothing") {
    CHECK(f.call(f.first, "goodbye?commit=false").status() == 200);
    CHECK(f.call(f.second, "poll").json()[0]["startOffset"] == "0");
  }
  SECTION("of the newer one") {
    CHECK(f.call(f.second, "goodbye").status() == 200);
    CHECK(f.call(f.second, "poll").status() == 409);
    CHECK(f.call(f.first, "poll").status() == 204);
    f.second = f.first;
  }
  SECTION("that has ended") {
    f.second = f.first;
  }
  CHECK(f.registered() == 1);
  CHECK(f.call(f.second, "goodbye").status() == 200);
  CHECK(f.registered() == 0);
}

TEST_CASE("a connection that registers as another consumer leaves for the one "
          "before") {
  connected_consumers f;
  f.call(f.first, "register", consumer("c1"));
  for (auto p : {0, 1, 2, 3})
    produce(f.w, "t", std::uint64_t(p), {"1"}).value();
  CHECK(f.call(f.first, "poll").json().size() == 4);
  SECTION("and gets all that it had not committed") {
    CHECK(f.call(f.first, "register", consumer("c2")).body() == "OK");
    CHECK(f.registered() == 1);
    CHECK(f.call(f.first, "poll").json().size() == 4);
  }
  SECTION("but not for another connection of that") {
    f.call(f.second, "register", consumer("c1"));
    f.call(f.first, "register", consumer("c2"));
    CHECK(f.registered() == 2);
    CHECK(f.call(f.second, "poll").json().size() == 2);
    CHECK(f.call(f.first, "poll").json().size() == 2);
  }
}

TEST_CASE("115: other topics are refused while another connection has the same "
          "id") {
  connected_consumers f;
  auto old = f.connect();
  f.call(old, "register", consumer("c1"));
  auto refused = f.call(f.second, "register", consumer("c1", "u"));
  CHECK(refused.status() == 400);
  CHECK(refused.body()
        == "Consumer already registered with different parameters");
  produce(f.w, "t", 1, {"1"}).value();
  CHECK(f.call(old, "poll").json()[0]["topic"] == "t");
  SECTION("not to the same one") {
    CHECK(f.call(old, "register", consumer("c1", "u")).body() == "OK");
  }
  SECTION("not when that has ended") {
    old.reset();
    CHECK(f.call(f.second, "register", consumer("c1", "u")).body() == "OK");
  }
  CHECK(f.registered() == 1);
}

} // namespace callboard::test::barco_connections_test
