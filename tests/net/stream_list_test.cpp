// Which streams there are, and those that only look like streams.
#include "tests/support/all_feeds.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace callboard::test::stream_list_test {

TEST_CASE("streams are listed to those who may read them") {
  dialect_fixture f;
  for (std::string stream : {"c", "a", "b", "%24hidden", "secret"})
    f.publish(stream);
  f.post("/streams/secret/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(500))}},
         R"({"$acl":{"$r":"bob"}})");
  auto names = [&](const std::string& user, const std::string& query) {
    auto got = f.call_as(user, http_verb::get, "/streams" + query,
                         {{"Accept", "application/json"}});
    REQUIRE(got.status() == 200);
    std::string out;
    auto list = got.json();
    for (auto& one : list["streams"])
      out += one["name"].get<std::string>() + " ";
    return out;
  };
  CHECK(names("admin; $admins", "") == "a b c secret ");
  CHECK(names("bob", "") == "a b c secret ");
  CHECK(names("", "") == "a b c ");
  // Metadata may be read by everybody unless `$mr` says otherwise.
  CHECK(names("", "?system=true") == "$$secret a b c ");
  CHECK(names("admin; $admins", "?system=true")
        == "$$secret $hidden a b c secret ");
  auto first = f.get("/streams?limit=2").json();
  CHECK(first["streams"][0]["lastEventNumber"] == 0);
  CHECK(first["streams"][0]["uri"] == "http://h:2113/streams/a");
  auto next = first["next"].get<std::string>();
  CHECK(first["nextUri"] == "http://h:2113/streams?after=" + next + "&limit=2");
  CHECK(f.get("/streams?after=" + next + "&limit=2").json()["next"] == nullptr);
  CHECK(names("", "?after=" + next + "&limit=1") == "c ");
  for (std::string bad : {"?limit=0", "?limit=1001", "?limit=x", "?system=1"})
    CHECK(f.get("/streams" + bad).status() == 400);
}

TEST_CASE("a list of streams tells nobody the names that he may not read") {
  dialect_fixture f;
  const std::string hidden = "m-hidden";
  for (std::string stream : {"a", "m-hidden", "z"})
    f.publish(stream);
  f.post("/streams/m-hidden/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(500))}},
         R"({"$acl":{"$r":"bob"}})");
  auto list = [&](const std::string& query) {
    return f.call_as("", http_verb::get, "/streams?limit=1" + query,
                     {{"Accept", "application/json"}});
  };
  std::string names;
  for (std::string after; true;) {
    auto page = list("&after=" + after);
    REQUIRE(page.status() == 200);
    CHECK(page.body().find(hidden) == std::string::npos);
    auto told = page.json();
    for (auto& one : told["streams"])
      names += one["name"].get<std::string>() + " ";
    if (told["next"].is_null())
      break;
    after = told["next"].get<std::string>();
  }
  CHECK(names == "a z ");
  // Who could begin anywhere would see where the hidden ones are.
  for (std::string no_seal : {"l", "m-hidden"})
    CHECK(list("&after=" + no_seal).status() == 400);
  CHECK(list("&after=" + std::string(80, 'A')).status() == 400);
}

TEST_CASE("a group's checkpoint reads as a stream") {
  dialect_fixture f;
  for (int i = 0; i < 4; ++i)
    f.publish("s");
  f.w.create("s", "g").value();
  std::string stream = "/streams/$persistentsubscription-s::g-checkpoint";
  CHECK(read(f, stream).status() == 404);
  CHECK(read(f, stream + "/head").status() == 404);
  auto settle = [&](std::uint64_t id) {
    f.w.settle("s", "g", settle_action::ack, {world::id(id)}).value();
  };
  f.w.fetch("s", "g", 4);
  settle(2);
  CHECK(read(f, stream).status() == 404); // event 0 is not settled
  settle(1);
  auto feed = read(f, stream).json();
  CHECK(feed["entries"].size() == 1);
  CHECK(feed["entries"][0]["title"]
        == "1@$persistentsubscription-s::g-checkpoint");
  CHECK(feed["entries"][0]["summary"] == "$SubscriptionCheckpoint");
  CHECK(f.get(stream + "/head").body() == "\"1\"");
  CHECK(f.get(stream + "/1").body() == "\"1\"");
  CHECK(f.get(stream + "/0").status() == 404);
  auto id = f.get(stream + "/head",
                  {{"Accept", "application/vnd.eventstore.event+json"}})
              .json()["eventId"];
  settle(3);
  settle(4);
  CHECK(f.get(stream + "/1").status() == 404);
  auto last = f.get(stream + "/head",
                    {{"Accept", "application/vnd.eventstore.event+json"}})
                .json();
  CHECK(last["eventNumber"] == 3);
  CHECK(last["eventId"] != id);
  CHECK(f.call_as("bob", http_verb::get, stream, {{"Accept", atom}}).status()
        == 401);
  f.w.command({{"s", "g"}, group_verb::remove, {}, {}}).value();
  CHECK(read(f, stream).status() == 404);
}

TEST_CASE("a group's checkpoint covers what its stream lost, asked or not") {
  dialect_fixture f;
  f.w.create("s", "g").value();
  f.post("/streams/s/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(500))}},
         R"({"$maxCount":2})");
  for (int i = 0; i < 10; ++i)
    f.publish("s");
  CHECK(f.get("/streams/$persistentsubscription-s::g-checkpoint/head").body()
        == "\"7\"");
}

} // namespace callboard::test::stream_list_test
