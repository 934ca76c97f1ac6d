// All events through their routes.
#include "tests/support/all_feeds.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace callboard::test::all_reads_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// A has 2 events, B has 1, L has links to A/1 and B/0.
void publish_with_links(dialect_fixture& f) {
  f.publish("A");
  f.publish("A");
  f.publish("B");
  post_batch(f, "L",
             event_of(900, "$>", R"("1@A")") + ","
               + event_of(901, "$>", R"("0@B")"));
}

} // namespace

TEST_CASE("links among all events are resolved if asked for (196, 198)") {
  dialect_fixture f;
  publish_with_links(f);
  headers resolve{{"ES-ResolveLinkTos", "True"}};
  for (auto target :
       {all + "/head/backward/30", all + "/" + zero + "/forward/30"}) {
    auto got = titles(read(f, target, resolve));
    CHECK(of_stream(got, "A") == 3);
    CHECK(of_stream(got, "B") == 2);
    CHECK(of_stream(got, "L") == 0);
    got = titles(read(f, target));
    CHECK(of_stream(got, "A") == 2);
    CHECK(of_stream(got, "L") == 2);
  }
}

TEST_CASE("the feed of all events is that of a stream, with positions") {
  dialect_fixture f;
  for (int i = 0; i < 25; ++i) {
    f.publish("s" + std::to_string(i % 4));
    f.w.vt->advance(1ms);
  }
  auto head = read(f, "/streams/%24all").json();
  CHECK(head["title"] == "All events");
  CHECK(head["id"] == "http://h:2113/streams/%24all");
  CHECK(head["headOfStream"] == true);
  CHECK(head["entries"].size() == 20);
  CHECK(head["entries"][0]["title"] == "6@s0");
  CHECK(head["entries"][0]["id"] == "http://h:2113/streams/s0/6");
  CHECK(link(head, "self") == "http://h:2113/streams/%24all");
  CHECK(link(head, "first") == "http://h:2113/streams/%24all/head/backward/20");
  CHECK(link(head, "last")
        == "http://h:2113/streams/%24all/" + zero + "/forward/20");
  CHECK(link(head, "metadata") == "http://h:2113/streams/%24all/metadata");
  auto older = read(f, path(head, "next"));
  CHECK(titles(older).size() == 5);
  CHECK(older.json()["headOfStream"] == false);
  CHECK(path(older.json(), "next").empty());
  CHECK(older.header("Cache-Control") == "max-age=31536000, private");
  // From the oldest page forward again: what the head showed.
  auto newer = read(f, path(older.json(), "previous"));
  CHECK(titles(newer) == titles(read(f, all)));
  auto tip = read(f, path(newer.json(), "previous"));
  CHECK(titles(tip).empty());
  CHECK(tip.json()["headOfStream"] == true);
  CHECK(path(tip.json(), "previous").empty());
  f.publish("new");
  CHECK(titles(read(f, path(newer.json(), "previous")))
        == std::vector<std::string>{"0@new"});
  // Without a direction, a page goes back.
  CHECK(titles(read(f, all + "/head/2"))
        == titles(read(f, all + "/head/backward/2")));
  // Forward from the very beginning.
  auto oldest = read(f, all + "/" + zero + "/forward/3");
  CHECK(titles(oldest) == std::vector<std::string>{"0@s2", "0@s1", "0@s0"});
  CHECK(path(oldest.json(), "last").empty());
  CHECK(path(oldest.json(), "next").empty());
  CHECK(titles(read(f, path(oldest.json(), "previous"))).front() == "1@s1");
}

TEST_CASE("the feed of all events is in the type that was asked for") {
  dialect_fixture f;
  f.publish("s");
  for (std::string type : {"application/atom+xml", "text/xml"}) {
    auto number =
      f.begin_as("admin; $admins", http_verb::get, all, {{"Accept", type}});
    f.advance(2ms);
    auto got = f.answer_to(number).value();
    CHECK(got.status() == 200);
    CHECK(got.answer.content_type == type + "; charset=utf-8");
    CHECK(got.body().starts_with("<?xml"));
    CHECK(got.body().find("<title>0@s</title>") != std::string::npos);
  }
}

TEST_CASE("positions and counts of all events are checked") {
  dialect_fixture f;
  for (std::string bad :
       {"x", "1", "-1", "00000000000000000000000000000000g"}) {
    for (std::string towards : {"/", "/backward/", "/forward/"}) {
      auto got = read(f, all + "/" + bad + towards + "5");
      CHECK(got.status() == 400);
      CHECK(got.body() == "Invalid position argument: " + bad);
    }
  }
  CHECK(read(f, all + "/head/forward/5").body()
        == "Invalid position argument: head");
  for (std::string bad : {"0", "-1", "x"})
    CHECK(read(f, all + "/head/backward/" + bad).body()
          == "Invalid count argument: " + bad);
  auto large = read(f, all + "/head/backward/4097");
  CHECK(large.status() == 500);
  CHECK(large.answer.reason
        == "Read size too big, should be less than 4096 items");
  CHECK(read(f, all, {{"ES-ResolveLinkTos", "maybe"}}).body()
        == "ES-ResolveLinkTos header in wrong format.");
  CHECK(read(f, all + "/" + zero + "/forward/5", {{"ES-LongPoll", "0"}}).body()
        == "ES-LongPoll header in wrong format.");
}

TEST_CASE("a slash behind all events is dropped, and nothing else is changed") {
  dialect_fixture f;
  auto slash = f.call_as("", http_verb::get, "/streams/$all/", {});
  CHECK(slash.status() == 307);
  CHECK(slash.header("Location") == "http://h:2113/streams/$all");
  CHECK(f.post(all, {{"Content-Type", batch}}, "[]").status() == 401);
  CHECK(f.call(http_verb::delete_, all).status() == 401);
  CHECK(f.get(all, {{"Accept", "*/*"}}).status() == 406);
  CHECK(f.get(all + "/metadata").status() == 404);
  for (auto* more :
       {"/0", "/head/5", "/0/backward/5", "/0/forward/5", "/a/b/c/d"})
    CHECK(f.get(all + "/metadata" + more).status() == 404);
}

TEST_CASE("a page of all events that is known by its tag is 304") {
  dialect_fixture f;
  f.publish("s");
  auto first = read(f, all);
  auto tag = first.header("ETag");
  CHECK(tag == "\"" + first.json()["eTag"].get<std::string>() + "\"");
  CHECK(first.header("Cache-Control")
        == "max-age=0, no-cache, must-revalidate");
  CHECK(first.header("Vary") == "Accept");
  CHECK(read(f, all, {{"If-None-Match", tag}}).status() == 304);
  auto forward = read(f, all + "/" + zero + "/forward/5");
  CHECK(forward.header("ETag") == tag);
  f.publish("t");
  CHECK(read(f, all, {{"If-None-Match", tag}}).status() == 200);
  auto full = read(f, all + "/" + zero + "/forward/1");
  CHECK(full.header("Cache-Control") == "max-age=31536000, private");
  CHECK(full.header("ETag").empty());
}

TEST_CASE("all events are for administrators, and whom the ACL names") {
  dialect_fixture f;
  f.publish("s");
  for (std::string user : {"", "bob", "ops; $ops"})
    for (auto target : {all, all + "/head/backward/5",
                        all + "/filtered?exclude-system-events=true"})
      CHECK(read_as(f, user, target).status() == 401);
  auto done = f.post("/streams/$all/metadata",
                     {{"Content-Type", "application/json"},
                      {"ES-EventId", to_string(world::id(500))}},
                     R"({"$acl":{"$r":"bob"}})");
  CHECK(done.status() == 201);
  CHECK(read_as(f, "bob", all).status() == 200);
  CHECK(read_as(f, "", all).status() == 401);
}

TEST_CASE("a forward read of all events can wait for the next one") {
  dialect_fixture f;
  f.publish("s");
  headers poll{{"Accept", atom}, {"ES-LongPoll", "10"}};
  auto tip = path(read(f, all).json(), "previous");
  for (std::string stream : {"a", "b", "c", "d"}) {
    auto waiting = f.begin_as("admin; $admins", http_verb::get, tip, poll);
    f.advance(100ms);
    CHECK_FALSE(f.answer_to(waiting));
    f.publish(stream);
    f.advance(2ms);
    REQUIRE(f.answer_to(waiting));
    CHECK(titles(*f.answer_to(waiting))
          == std::vector<std::string>{"0@" + stream});
    tip = path(f.answer_to(waiting)->json(), "previous");
  }
  auto waiting = f.begin_as("admin; $admins", http_verb::get, tip, poll);
  f.advance(9s);
  CHECK_FALSE(f.answer_to(waiting));
  f.advance(2s);
  CHECK(titles(*f.answer_to(waiting)).empty());
  auto before = f.w.vt->sys.registry().running();
  f.begin_as("admin; $admins", http_verb::get, tip, poll);
  f.advance(2ms);
  f.client->go();
  f.settle();
  CHECK(f.w.vt->sys.registry().running() == before);
}

} // namespace callboard::test::all_reads_test
