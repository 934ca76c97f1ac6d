// Feeds, entries and events as XML: byte goldens, and input that is not nice.
#include "net/eventstore_feed_html.hpp"
#include "net/eventstore_feed_xml.hpp"
#include "net/xml_reader.hpp"
#include "tests/support/feed_events.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::eventstore_feed_xml_test {

namespace {

const std::string id = "c322e299-cb73-4b47-97c5-5054f920740";

std::string stream_page(const event_ptr& e, embed_level embed) {
  return feed_to_xml(
    stream_feed({base, "s", event_number{3}, 1}, page(4, {e}, 1, true), ""),
    embed);
}

/// The part between two texts, without them.
std::string between(const std::string& text, std::string_view from,
                    std::string_view to) {
  auto begin = text.find(from);
  REQUIRE(begin != std::string::npos);
  begin += from.size();
  return text.substr(begin, text.find(to, begin) - begin);
}

std::string content(const event_ptr& e) {
  return between(stream_page(e, embed_level::content),
                 R"(<content type="application/xml">)", "</content>");
}

feed_entry entry(const event_ptr& e) {
  return entry_of({e, e, {}}, "s");
}

} // namespace

TEST_CASE("a competing feed as XML") {
  delivery_batch batch;
  batch.events.push_back({{made(0), made(0), {}}, lane::source, 1, {1}});
  CHECK(
    feed_to_xml(competing_feed(base, {"or&ders", "g1"}, 1, batch),
                embed_level::body)
    == R"(<?xml version="1.0" encoding="utf-8"?>)"
       R"(<feed xmlns="http://www.w3.org/2005/Atom">)"
       "<title>Messages for 'or&amp;ders/g1'</title>"
       "<id>http://h:2113/subscriptions/or%26ders/g1</id>"
       "<updated>2015-12-02T09:17:48.556Z</updated>"
       "<author><name>EventStore</name></author>"
       R"(<link href="http://h:2113/subscriptions/or%26ders/g1/ack?ids=)"
         + id
         + R"(0" rel="ackAll" />)"
           R"(<link href="http://h:2113/subscriptions/or%26ders/g1/nack?ids=)"
         + id
         + R"(0" rel="nackAll" />)"
           R"(<link href="http://h:2113/subscriptions/or%26ders/g1/1" rel="previous" />)"
           R"(<link href="http://h:2113/subscriptions/or%26ders/g1" rel="self" />)"
           "<entry><title>0@or&amp;ders</title>"
           "<id>http://h:2113/streams/or%26ders/0</id>"
           "<updated>2015-12-02T09:17:48.556Z</updated>"
           "<author><name>EventStore</name></author><summary>SomeEvent</"
           "summary>"
           "<retryCount>0</retryCount>"
           R"(<link href="http://h:2113/streams/or%26ders/0" rel="edit" />)"
           R"(<link href="http://h:2113/streams/or%26ders/0" rel="alternate" />)"
           R"(<link href="http://h:2113/subscriptions/or%26ders/g1/ack/)"
         + id
         + R"(0" rel="ack" />)"
           R"(<link href="http://h:2113/subscriptions/or%26ders/g1/nack/)"
         + id
         + R"(0" rel="nack" />)"
           R"(<link href="http://h:2113/subscriptions/or%26ders/g1/extend?lease=)"
           R"(g0-l1" rel="extend" />)"
           "</entry></feed>");
}

TEST_CASE("an empty feed as XML has its links and the year 1") {
  CHECK(feed_to_xml(competing_feed(base, {"s", "g"}, 5, {}), embed_level::none)
        == R"(<?xml version="1.0" encoding="utf-8"?>)"
           R"(<feed xmlns="http://www.w3.org/2005/Atom">)"
           "<title>Messages for 's/g'</title>"
           "<id>http://h:2113/subscriptions/s/g</id>"
           "<updated>0001-01-01T00:00:00Z</updated>"
           "<author><name>EventStore</name></author>"
           R"(<link href="http://h:2113/subscriptions/s/g/5" rel="previous" />)"
           R"(<link href="http://h:2113/subscriptions/s/g" rel="self" />)"
           "</feed>");
}

TEST_CASE("only content adds something to the XML form") {
  auto e = made(3, R"({"a":1})", true, R"({"m":2})");
  auto none = stream_page(e, embed_level::none);
  CHECK(none.find("<entry><title>3@s</title>") != std::string::npos);
  CHECK(none.find("retryCount") == std::string::npos);
  CHECK(none.find("content") == std::string::npos);
  for (auto embed : {embed_level::rich, embed_level::body,
                     embed_level::pretty_body, embed_level::try_harder})
    CHECK(stream_page(e, embed) == none);
  CHECK(content(e)
        == R"(<eventStreamId xmlns="">s</eventStreamId>)"
           R"(<eventNumber xmlns="">3</eventNumber>)"
           R"(<eventType xmlns="">SomeEvent</eventType>)"
           R"(<eventId xmlns="">)"
             + id
             + R"(3</eventId><data xmlns=""><a>1</a></data>)"
               R"(<metadata xmlns=""><m>2</m></metadata>)");
}

TEST_CASE("a content's data can be anything") {
  auto data = [](std::string of) {
    auto all = content(made(3, std::move(of)));
    auto at = all.find("</eventId>") + 10;
    return all.substr(at, all.find("<metadata") - at);
  };
  CHECK(data("[1,[2]]")
        == R"(<data xmlns="">1</data><data xmlns=""><data>2</data></data>)");
  CHECK(data("") == R"(<data xmlns="" />)");
  CHECK(data("{a : '1'}") == R"(<data xmlns=""><a>1</a></data>)");
  CHECK(data("{broken <") == R"(<data xmlns="">{broken &lt;</data>)");
  CHECK(data("\xFF") == "<data xmlns=\"\">\xEF\xBF\xBD</data>");
  std::string grows = "{\"" + std::string(2000, 'n') + "\":[1,1";
  for (int i = 0; i < 1000; ++i)
    grows += ",1";
  grows += "]}";
  CHECK(data(grows) == "<data xmlns=\"\">" + grows + "</data>");
}

TEST_CASE("what is not JSON, a link and what is gone have no content") {
  CHECK(
    stream_page(made(3, "text", false), embed_level::content).find("<content")
    == std::string::npos);
  for (auto& target : {made(7), event_ptr{}}) {
    event_page p = page(9, {}, 1, true);
    p.events.push_back({link_to(3, "7@a@b"), target, "a@b"});
    auto xml = feed_to_xml(stream_feed({base, "s", event_number{3}, 1}, p, ""),
                           embed_level::content);
    CHECK(xml.find("<content") == std::string::npos);
    CHECK(between(xml, "<entry>", "<author>")
          == "<title>7@a@b</title><id>http://h:2113/streams/a%40b/7</id>"
             "<updated>2015-12-02T09:17:49.556Z</updated>");
    CHECK(
      between(xml, "<summary>", "</entry>")
      == "$&gt;</summary>"
         R"(<link href="http://h:2113/streams/a%40b/7" rel="edit" />)"
         R"(<link href="http://h:2113/streams/a%40b/7" rel="alternate" />)");
  }
}

TEST_CASE("one event as atom+xml has prefixed names and its content") {
  CHECK(entry_to_xml(base, entry(made(3)))
        == R"(<?xml version="1.0" encoding="utf-8"?>)"
           R"(<atom:entry xmlns:atom="http://www.w3.org/2005/Atom">)"
           "<atom:title>3@s</atom:title>"
           "<atom:id>http://h:2113/streams/s/3</atom:id>"
           "<atom:updated>2015-12-02T09:17:48.556Z</atom:updated>"
           "<atom:author><atom:name>EventStore</atom:name></atom:author>"
           "<atom:summary>SomeEvent</atom:summary>"
           R"(<atom:link href="http://h:2113/streams/s/3" rel="edit" />)"
           R"(<atom:link href="http://h:2113/streams/s/3" rel="alternate" />)"
           R"(<atom:content type="application/xml">)"
           "<eventStreamId>s</eventStreamId><eventNumber>3</eventNumber>"
           "<eventType>SomeEvent</eventType><eventId>"
             + id
             + "3</eventId><data><a>1</a></data><metadata />"
               "</atom:content></atom:entry>");
}

TEST_CASE("one event, and its data, as XML") {
  auto e = made(3, R"({"a":"<1>"})", true, R"({"m":[1,2]})");
  CHECK(event_to_xml(entry(e))
        == "<event><eventStreamId>s</eventStreamId>"
           "<eventNumber>3</eventNumber><eventType>SomeEvent</eventType>"
           "<eventId>"
             + id
             + "3</eventId><data><a>&lt;1&gt;</a></data>"
               "<metadata><m>1</m><m>2</m></metadata></event>");
  CHECK(data_to_xml(*e) == "<data><a>&lt;1&gt;</a></data>");
  CHECK(data_to_xml(*made(3, "")) == "<data />");
  CHECK(data_to_xml(*made(3, "[1]")) == "<data><data>1</data></data>");
  CHECK(data_to_xml(*made(3, "<x/>", false)) == "<data>&lt;x/&gt;</data>");
}

TEST_CASE("every document is well-formed, whatever is in the events") {
  for (std::string bad :
       {std::string(1, '\0'), std::string{"\x1B]]>\xED\xA0\x80"},
        std::string{"a\"'<>&\r\n"}, std::string{R"({"@xmlns":"u","@a":1})"},
        std::string{R"({"a b":{"<":["\ud800",[1]]}})"}}) {
    auto broken = *made(3, bad, true, bad);
    broken.type = bad;
    auto e = std::make_shared<const event>(broken);
    auto shown = entry_of({e, e, {}}, bad);
    CHECK(xml_to_json(entry_to_xml(base, shown)));
    CHECK(xml_to_json(event_to_xml(shown)));
    CHECK(xml_to_json(data_to_xml(*e)));
    CHECK(xml_to_json(feed_to_xml(
      stream_feed({base, bad, event_number{3}, 1}, page(4, {e}, 1, true), ""),
      embed_level::content)));
  }
}

TEST_CASE("pages for browsers escape what they show") {
  auto e = made(3, "<script>&", false);
  auto shown = event_to_html(base, entry_of({e, e, {}}, "\"<s>"));
  CHECK(shown.find("<h1>3@\"&lt;s&gt;</h1>") != std::string::npos);
  CHECK(shown.find("<pre>\n&lt;script&gt;&amp;</pre>") != std::string::npos);
  CHECK(shown.find("href=\"http://h:2113/streams/%22%3Cs%3E\"")
        != std::string::npos);
  auto feed = feed_to_html(
    stream_feed({base, "s", event_number{3}, 1}, page(4, {e}, 1, true), ""));
  CHECK(feed.find(R"(<td><a href="http://h:2113/streams/s/3">3@s</a></td>)")
        != std::string::npos);
  CHECK(feed.find("/streams/s/metadata\">metadata</a>") != std::string::npos);
}

} // namespace callboard::test::eventstore_feed_xml_test
