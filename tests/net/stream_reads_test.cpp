// Reading pages, events and metadata through the routes of streams.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::stream_reads_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string atom = "application/vnd.eventstore.atom+json";
const std::string batch = "application/vnd.eventstore.events+json";
const std::string some_id = "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4";

headers with(headers base, std::string name, std::string value) {
  base.emplace_back(std::move(name), std::move(value));
  return base;
}

headers accept(std::string type) {
  return {{"Accept", std::move(type)}};
}

} // namespace

TEST_CASE("single events in every representation, and their caching") {
  dialect_fixture f;
  f.publish("s", R"({"a":1})");
  auto one = f.get("/streams/s/0", accept(atom));
  CHECK(one.answer.content_type == atom + "; charset=utf-8");
  CHECK(one.json()["content"]["data"] == json{{"a", 1}});
  CHECK(one.header("Cache-Control") == "max-age=31536000, private");
  CHECK(one.header("ETag").empty());
  CHECK(one.header("Vary") == "Accept");
  auto event =
    f.get("/streams/s/0", accept("application/vnd.eventstore.event+json"));
  CHECK(event.json()["eventId"] == f.last_id());
  auto head = f.get("/streams/s/head");
  CHECK(head.body() == "{\n  \"a\": 1\n}");
  CHECK(head.header("Cache-Control") == "max-age=0, no-cache, must-revalidate");
  CHECK(head.header("ETag").starts_with("\"0;"));
  CHECK(f.get("/streams/s/x").body() == "'x' is not valid event number");
  CHECK(f.get("/streams/s/-1").body() == "'-1' is not valid event number");
}

TEST_CASE("an event that is not there is 404, with an empty object for JSON") {
  dialect_fixture f;
  f.publish("s");
  for (auto target :
       {"/streams/s/1", "/streams/none/0", "/streams/none/head"}) {
    auto missing = f.get(target);
    CHECK(missing.status() == 404);
    CHECK(missing.body() == "{}");
    CHECK(missing.answer.content_type == "text/plain; charset=utf-8");
  }
  CHECK(
    f.get("/streams/s/1", accept("application/octet-stream")).body().empty());
}

TEST_CASE("pages, their errors and their caching") {
  dialect_fixture f;
  for (int i = 0; i < 5; ++i)
    f.publish("s");
  auto head = f.get("/streams/s", accept(atom));
  CHECK(head.json()["headOfStream"] == true);
  CHECK(head.header("Cache-Control") == "max-age=0, no-cache, must-revalidate");
  CHECK(head.header("ETag")
        == "\"" + head.json()["eTag"].get<std::string>() + "\"");
  auto full = f.get("/streams/s/0/forward/5");
  CHECK(full.json()["entries"].size() == 5);
  CHECK(full.json()["headOfStream"] == true);
  CHECK(full.header("Cache-Control") == "max-age=31536000, private");
  CHECK(full.header("ETag").empty());
  auto partial = f.get("/streams/s/1/forward/5");
  CHECK(partial.header("ETag").starts_with("\"4;"));
  CHECK(f.get("/streams/s/4/backward/2").header("Cache-Control")
        == "max-age=31536000, private");
  CHECK(f.get("/streams/s/5/backward/2").header("ETag").starts_with("\"4;"));
  CHECK(f.get("/streams/s/3/2").json()["entries"][0]["title"] == "3@s");
  CHECK(f.get("/streams/s/7/forward/2").json()["entries"].empty());
  CHECK(f.get("/streams/s/0/forward/0").body()
        == "'0' is not valid count. Should be positive integer");
  CHECK(f.get("/streams/s/head/forward/5").body()
        == "'head' is not valid event number");
  auto large = f.get("/streams/s/0/forward/4097");
  CHECK(large.status() == 500);
  CHECK(large.answer.reason
        == "Read size too big, should be less than 4096 items");
  auto flag =
    f.get("/streams/s", {{"Accept", atom}, {"ES-ResolveLinkTos", "maybe"}});
  CHECK(flag.body() == "ES-ResolveLinkTos header in wrong format.");
  CHECK(f.get("/streams/none").status() == 404);
}

TEST_CASE("who follows links from the number 0 reads each event of a cut "
          "stream once") {
  dialect_fixture f;
  for (int i = 0; i < 30; ++i)
    f.publish("s");
  f.post("/streams/s/metadata",
         {{"Content-Type", "application/json"}, {"ES-EventId", some_id}},
         R"({"$maxCount":5})");
  const std::string at_s = "http://h:2113/streams/s";
  std::string pages;
  for (std::string at = "/0/forward/3"; !at.empty();) {
    pages += at + ":";
    auto got = f.get("/streams/s" + at);
    auto feed = got.json();
    for (auto one = feed["entries"].rbegin(); one != feed["entries"].rend();
         ++one)
      pages += " " + (*one)["title"].get<std::string>();
    pages += got.header("ETag").empty() ? " (for good)\n" : "\n";
    at.clear();
    for (auto& link : feed["links"])
      if (link["relation"] == "previous")
        at = link["uri"].get<std::string>().substr(at_s.size());
  }
  CHECK(pages
        == "/0/forward/3:\n"
           "/25/forward/3: 25@s 26@s 27@s (for good)\n"
           "/28/forward/3: 28@s 29@s\n"
           "/30/forward/3:\n");
  auto border = f.get("/streams/s/20/forward/8");
  CHECK(border.json()["entries"].size() == 3);
  CHECK(border.header("Cache-Control")
        == "max-age=0, no-cache, must-revalidate");
}

TEST_CASE("a page of more than 100 events is whole or refused, a smaller one "
          "is cut short") {
  dialect_fixture f;
  for (std::uint64_t i = 0; i < 20; ++i) {
    append_request what{"s", expected_version::any, {}, {}};
    what.events.push_back(
      {world::id(i), "t", std::string(std::size_t{1} << 20, 'x'), "", false});
    f.w.vt
      ->ask<append_reply>(f.w.partition_of("s"), append_atom_v, std::move(what))
      .value();
  }
  for (std::string page : {"/0/forward/", "/19/backward/"}) {
    auto refused = f.get("/streams/s" + page + "101");
    CHECK(refused.status() == 500);
    CHECK(refused.answer.reason
          == "Read size too big, only 16 fit into 16 MiB: ask for up to 100 "
             "and follow the links");
    for (std::string count : {"8", "100"})
      CHECK(f.get("/streams/s" + page + count).json()["entries"].size() == 8);
  }
  CHECK(f.get("/streams/s/10/forward/4096").json()["entries"].size() == 10);
}

TEST_CASE("a page that is known by its tag is 304") {
  dialect_fixture f;
  f.publish("s");
  auto tag = f.get("/streams/s").header("ETag");
  auto same = f.get("/streams/s",
                    {{"Accept", "application/json"}, {"If-None-Match", tag}});
  CHECK(same.status() == 304);
  CHECK(same.body().empty());
  CHECK(same.header("ETag") == tag);
  // Another representation has another tag.
  CHECK(f.get("/streams/s", {{"Accept", atom}, {"If-None-Match", tag}}).status()
        == 200);
  f.publish("s");
  CHECK(f.get("/streams/s",
              {{"Accept", "application/json"}, {"If-None-Match", tag}})
          .status()
        == 200);
}

TEST_CASE("without a usable Accept a feed describes itself") {
  dialect_fixture f;
  f.publish("s");
  f.w.create("s", "g1");
  for (auto& more :
       {headers{{"X", "y"}}, accept("*/*"), accept("image/png,*/*;q=0.1")}) {
    auto got = f.get("/streams/s", more);
    CHECK(got.status() == 406);
    CHECK(got.json()["_links"]["streamSubscription"][0]["href"]
          == "/subscriptions/s/g1");
  }
  auto asked =
    f.get("/streams/s", accept("application/vnd.kurrent.streamdesc+json"));
  CHECK(asked.status() == 200);
  CHECK(asked.json()["_links"]["self"]["supportedContentTypes"]
        == json::array({"application/vnd.kurrent.streamdesc+json"}));
  CHECK(f.get("/streams/s", accept("image/png")).status() == 406);
}

TEST_CASE("a forward read can wait for what is not there yet") {
  dialect_fixture f;
  f.publish("s");
  headers poll{{"Accept", "application/json"}, {"ES-LongPoll", "10"}};
  CHECK(f.get("/streams/s/0/forward/5", poll).status() == 200);
  auto waiting = f.begin_as("admin; $admins", http_verb::get,
                            "/streams/s/1/forward/5", poll);
  CHECK_FALSE(f.answer_to(waiting));
  CHECK(f.client->extended() == 10s);
  f.publish("s");
  CHECK(f.answer_to(waiting)->json()["entries"].size() == 1);

  auto absent = f.begin_as("admin; $admins", http_verb::get,
                           "/streams/t/0/forward/5", poll);
  CHECK_FALSE(f.answer_to(absent));
  f.advance(10s);
  CHECK(f.answer_to(absent)->status() == 404);

  auto tag = f.get("/streams/s/1/forward/5").header("ETag");
  poll.emplace_back("If-None-Match", tag);
  auto known = f.begin_as("admin; $admins", http_verb::get,
                          "/streams/s/1/forward/5", poll);
  CHECK_FALSE(f.answer_to(known));
  f.advance(10s);
  CHECK(f.answer_to(known)->status() == 304);

  CHECK(f.get("/streams/s/9/forward/5",
              {{"Accept", "application/json"}, {"ES-LongPoll", "0"}})
          .body()
        == "ES-LongPoll header in wrong format.");
}

TEST_CASE("who stops waiting leaves nothing behind") {
  dialect_fixture f;
  auto waiting =
    f.begin_as("admin; $admins", http_verb::get, "/streams/s/0/forward/5",
               {{"Accept", "application/json"}, {"ES-LongPoll", "60"}});
  CHECK(f.client->waits_for_gone());
  auto before = f.w.vt->sys.registry().running();
  f.client->go();
  f.settle();
  CHECK(f.answer_to(waiting)); // to nobody
  CHECK(f.w.vt->sys.registry().running() < before);
}

TEST_CASE("links are resolved unless told otherwise") {
  dialect_fixture f;
  f.publish("target", R"({"t":1})");
  f.post("/streams/links", {{"Content-Type", batch}},
         R"([{"eventId":")" + some_id
           + R"(","eventType":"$>","data":"0@target"}])");
  auto resolved = f.get("/streams/links/0/forward/5?embed=body").json();
  CHECK(resolved["entries"][0]["title"] == "0@target");
  CHECK(resolved["entries"][0]["positionStreamId"] == "links");
  CHECK(f.get("/streams/links/0").body() == "{\n  \"t\": 1\n}");
  auto plain = f.get("/streams/links/0/forward/5?embed=body",
                     {{"Accept", atom}, {"ES-ResolveLinkTos", "False"}});
  CHECK(plain.json()["entries"][0]["title"] == "0@links");
  f.call(http_verb::delete_, "/streams/target");
  CHECK(f.get("/streams/links/0").status() == 404);
  CHECK(f.get("/streams/links/0/forward/5?embed=body").json()["entries"].size()
        == 1);
}

TEST_CASE("metadata is written, read back and obeyed") {
  dialect_fixture f;
  auto unknown = f.get("/streams/s/metadata");
  CHECK(unknown.status() == 404);
  f.publish("s");
  f.publish("s");
  auto none = f.get("/streams/s/metadata");
  CHECK(none.status() == 200);
  CHECK(none.body() == "{}");
  CHECK(none.header("ETag").empty());
  auto no_accept = f.get("/streams/s/metadata", {{"X", "y"}});
  CHECK(no_accept.status() == 200);
  CHECK(no_accept.body().empty());
  headers with_id{{"Content-Type", "application/json"},
                  {"ES-EventId", some_id}};
  auto written =
    f.post("/streams/s/metadata", with_id, R"({"$maxCount":1,"mine":"x"})");
  CHECK(written.status() == 201);
  CHECK(written.header("Location") == "http://h:2113/streams/%24%24s/0");
  CHECK(f.get("/streams/s/metadata").body()
        == "{\n  \"$maxCount\": 1,\n  \"mine\": \"x\"\n}");
  CHECK(f.get("/streams/%24%24s/0").status() == 200);
  CHECK(f.get("/streams/s").json()["entries"].size() == 1);
  CHECK(f.get("/streams/s/0").status() == 404);
  CHECK(
    f.post("/streams/s/metadata", {{"Content-Type", "application/json"}}, "{}")
      .body()
    == "Empty eventId provided. (Parameter 'eventId')");
  CHECK(f.post("/streams/s/metadata", with(with_id, "ES-EventType", "x"), "{}")
          .body()
        == "Bad Request. You should not include an event type for metadata.");
  CHECK(f.get("/streams/%24%24s/metadata").status() == 400);
}

TEST_CASE("names beyond every limit are refused, and hurt nobody") {
  dialect_fixture f;
  std::string name(5000, 's');
  for (auto& more : {accept(atom), accept("*/*")})
    CHECK(f.call_as("", http_verb::get, "/streams/" + name, more).status()
          == 400);
  CHECK(f.call_as("bob", http_verb::get, "/subscriptions/" + name + "/g",
                  {{"Accept", "*/*"}})
          .status()
        == 404);
  CHECK(f.call_as("bob", http_verb::get, "/subscriptions/" + name + "/g/info")
          .status()
        == 404);
  // A link may name anything; who reads it must not suffer.
  f.post("/streams/links", {{"Content-Type", batch}},
         R"([{"eventId":")" + some_id + R"(","eventType":"$>","data":"0@)"
           + name + "\"}]");
  for (std::string who : {"bob", "admin; $admins"}) {
    auto page = f.call_as(who, http_verb::get, "/streams/links", accept(atom));
    CHECK(page.status() == 200);
    CHECK(page.json()["entries"].size() == 1);
  }
}

} // namespace callboard::test::stream_reads_test
