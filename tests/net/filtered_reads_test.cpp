// Filters of all events: what they say, what they show.
#include "tests/support/all_feeds.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace callboard::test::filtered_reads_test {

namespace {

/// 25 events each of two types in one stream, and of another in another.
void publish_mixed(dialect_fixture& f) {
  std::string mixed;
  std::string ignored;
  for (std::uint64_t i = 0; i < 25; ++i) {
    auto comma = i == 0 ? "" : ",";
    mixed += comma + event_of(1000 + i, "event1-type", "{}") + ","
             + event_of(2000 + i, "event2-type", "{}");
    ignored += comma + event_of(3000 + i, "ignored", "{}");
  }
  post_batch(f, "stream-a", mixed);
  post_batch(f, "stream-b", ignored);
}

std::vector<std::string> types(const seen_answer& page) {
  std::vector<std::string> out;
  auto feed = page.json();
  for (auto& entry : feed["entries"])
    out.push_back(entry["summary"]);
  return out;
}

} // namespace

TEST_CASE("what a filter says is checked (225, 226, 227, 232, 233)") {
  dialect_fixture f;
  publish_mixed(f);
  for (std::string where : {"", "/head/backward/5", "/head/5"}) {
    auto target = all + "/filtered" + where;
    for (std::string bad :
         {"", "?context=other&type=prefix&data=x", "?type=prefix&data=x",
          "?context=eventtype&type=other&data=x", "?context=eventtype&data=x",
          "?context=eventtype&type=prefix",
          "?context=eventtype&type=prefix&data=",
          "?context=eventtype&type=prefix&data=a,,b",
          "?context=eventtype&type=regex&data=(",
          "?context=eventtype&type=regex&data=a{1000}{1000}",
          "?exclude-system-events=false", "?exclude-system-events="})
      CHECK(read(f, target + bad).status() == 400);
  }
  auto forward = all + "/filtered/" + zero + "/forward/5";
  for (std::string bad : {"?context=eventtype&type=other&data=x",
                          "?context=eventtype&type=prefix",
                          "?context=eventtype&type=prefix&data="})
    CHECK(read(f, forward + bad).status() == 400);
  CHECK(read(f, all + "/filtered/x/forward/5?exclude-system-events=true").body()
        == "Invalid position argument: x");
}

TEST_CASE("filters by type and stream, forward (234, 235, 236)") {
  dialect_fixture f;
  publish_mixed(f);
  f.post("/streams/stream-a/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(500))}},
         "{}");
  auto forward = [&](const std::string& query, int count = 100) {
    return read(f, all + "/filtered/" + zero + "/forward/"
                     + std::to_string(count) + query);
  };
  auto got = types(forward("?context=eventtype&type=prefix&data=event", 14));
  CHECK(got.size() == 14);
  CHECK(std::count(got.begin(), got.end(), "event1-type") == 7);
  CHECK(std::count(got.begin(), got.end(), "event2-type") == 7);
  got = types(forward("?context=eventtype&type=prefix&data=event2,ign"));
  CHECK(std::count(got.begin(), got.end(), "event2-type") == 25);
  CHECK(std::count(got.begin(), got.end(), "ignored") == 25);
  CHECK(got.size() == 50);
  auto named = titles(forward("?context=streamid&type=prefix&data=stream-b"));
  CHECK(named.size() == 25);
  CHECK(of_stream(named, "stream-b") == 25);
  CHECK(titles(forward("?context=streamid&type=prefix&data=none")).empty());
  named =
    titles(forward("?context=streamid&type=regex&data=%5Estream-%5Bb-z%5D"));
  CHECK(of_stream(named, "stream-b") == 25);
  got = types(forward("?exclude-system-events=true"));
  CHECK(got.size() == 75);
  CHECK(std::none_of(got.begin(), got.end(),
                     [](auto& type) { return type.starts_with("$"); }));
  // It replaces the others.
  CHECK(types(forward("?exclude-system-events=true&context=x")).size() == 75);
  // The expensive kind of pattern is cheap here.
  CHECK(
    types(forward("?context=eventtype&type=regex&data=(q%2B)%2B%24")).empty());
}

TEST_CASE("the head of filtered events (237), and a window of them") {
  dialect_fixture f;
  publish_mixed(f);
  std::string query = "?context=eventtype&type=prefix&data=event";
  auto head = read(f, all + "/filtered" + query);
  CHECK(head.status() == 200);
  auto feed = head.json();
  CHECK(link(feed, "self") == "http://h:2113/streams/%24all/filtered");
  CHECK(path(feed, "first")
        == "/streams/%24all/filtered/head/backward/20" + query);
  CHECK(path(feed, "previous").ends_with("/forward/20" + query));
  // Only the newest 20 are looked at, and which those are, time decides.
  CHECK(feed["entries"].size() <= 20);
  CHECK(read(f, path(feed, "previous")).status() == 200);
  std::size_t found = feed["entries"].size();
  for (auto next = path(feed, "next"); !next.empty();
       next = path(feed, "next")) {
    feed = read(f, next).json();
    found += feed["entries"].size();
  }
  CHECK(found == 50);
}

} // namespace callboard::test::filtered_reads_test
