// How a request is taken apart, and what answers may say.
#include "net/http.hpp"
#include "net/status.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace callboard::test::http_request_test {

namespace {

http_request request_for(std::string_view target) {
  http_request out;
  REQUIRE(out.set_target(target));
  return out;
}

std::vector<std::string> segments(const http_request& request) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < request.segment_count(); ++i)
    out.emplace_back(request.segment(i));
  return out;
}

std::string why_not(std::string_view target) {
  http_request out;
  auto set = out.set_target(target);
  return set ? "fine" : set.error().text;
}

using strings = std::vector<std::string>;

} // namespace

TEST_CASE("segments are split first and decoded one by one") {
  CHECK(segments(request_for("/a%2Fb/c")) == strings{"a/b", "c"});
  CHECK(segments(request_for("/%41/$/%24/%20/%25/+"))
        == strings{"A", "$", "$", " ", "%", "+"});
  CHECK(segments(request_for("/\xd1\x81\xd0\xbb/%D1%81%D0%BB"))
        == strings{"\xd1\x81\xd0\xbb", "\xd1\x81\xd0\xbb"});
  CHECK(segments(request_for("/a%3Fb?c/d")) == strings{"a?b"});
}

TEST_CASE("a slash at the end adds no segment, one in the middle may") {
  auto root = request_for("/");
  CHECK(segments(root).empty());
  CHECK(root.trailing_slash());
  CHECK(!request_for("/a/b").trailing_slash());
  auto ends = request_for("/a/b/?x=/y/");
  CHECK(ends.trailing_slash());
  CHECK(segments(ends) == strings{"a", "b"});
  CHECK(segments(request_for("/a//b")) == strings{"a", "", "b"});
  CHECK(segments(request_for("//")) == strings{""});
}

TEST_CASE("target and path are kept as they came") {
  auto request = request_for("/a%20b/?c=%20d");
  CHECK(request.target() == "/a%20b/?c=%20d");
  CHECK(request.path() == "/a%20b/");
  CHECK(request_for("/a").path() == "/a");
  CHECK(request_for("http://host:1/a/b?c").target() == "/a/b?c");
  CHECK(request_for("/redirect?to=http://x/y").path() == "/redirect");
}

TEST_CASE("query parameters are found in any case; the first one wins") {
  auto request = request_for(
    "/?Embed=body&ids=a,b&ids=c&empty=&bare&&%41=%42&p=a+b%2B=c&=x");
  CHECK(request.query("embed") == "body");
  CHECK(request.query("IDS") == "a,b");
  CHECK(request.query("empty") == "");
  CHECK(request.query("bare") == "");
  CHECK(request.query("a") == "B");
  CHECK(request.query("p") == "a b+=c");
  CHECK(!request.query("missing"));
  CHECK(!request_for("/?").query("x"));
  CHECK(request_for("/?\xd1\x81=%D1%81").query("\xd1\x81") == "\xd1\x81");
}

TEST_CASE("a target that means nothing is refused with its cause") {
  CHECK(why_not("a").find("slash") != std::string::npos);
  CHECK(why_not("").find("slash") != std::string::npos);
  CHECK(why_not("*").find("slash") != std::string::npos);
  CHECK(why_not("http://host").find("slash") != std::string::npos);
  CHECK(why_not("/a%4")
        == "Malformed percent escape in the path of the "
           "request target");
  CHECK(why_not("/a?b=%zz").find("escape in the query") != std::string::npos);
  CHECK(why_not("/a?%=b").find("escape in the query") != std::string::npos);
  CHECK(why_not("/a%00b").find("path") != std::string::npos);
  CHECK(why_not("/%ff").find("UTF-8") != std::string::npos);
  CHECK(why_not("/a?b=%ff").find("UTF-8") != std::string::npos);
  // Each half of a character in a segment of its own.
  CHECK(why_not("/%D1/%81").find("UTF-8") != std::string::npos);
}

TEST_CASE("headers are found in any case, by name and by field") {
  auto request = request_for("/");
  request.add_header("accept", "a");
  request.add_header("ACCEPT", "b");
  request.add_header("ES-EventType", "t");
  CHECK(request.header("Accept") == "a");
  CHECK(request.header(http_field::accept) == "a");
  CHECK(request.header_count(http_field::accept) == 2);
  CHECK(request.header_list(http_field::accept) == "a, b");
  CHECK(request.header("es-eventtype") == "t");
  CHECK(!request.header("ES-Event"));
  CHECK(!request.header(http_field::host));
}

TEST_CASE("the new spelling of a header wins over the old one") {
  auto request = request_for("/");
  request.add_header("es-expectedversion", "1");
  request.add_header("Kurrent-ExpectedVersion", "2");
  request.add_header("ES-LongPoll", "3");
  auto version = es_header(request, "ExpectedVersion");
  REQUIRE(version);
  CHECK(version->value == "2");
  CHECK(version->name() == "Kurrent-ExpectedVersion");
  CHECK(es_header(request, "LongPoll")->name() == "ES-LongPoll");
  CHECK(!es_header(request, "HardDelete"));
}

TEST_CASE("a request that was copied or moved is whole") {
  auto request = request_for("/a%20b?c=d");
  request.add_header("Accept", "x");
  request.body = "body";
  std::vector<placeholder> holders{{"stream", 0}};
  request.placeholders = holders;
  auto copy = request;
  auto moved = std::move(request);
  for (auto* r : {&copy, &moved}) {
    CHECK(r->segment(0) == "a b");
    CHECK(r->parameter("stream") == "a b");
    CHECK(r->query("c") == "d");
    CHECK(r->header("accept") == "x");
    CHECK(r->body == "body");
  }
}

TEST_CASE("a bad request tells its cause twice") {
  auto answer = bad_request("count 'x' is wrong");
  CHECK(answer.status == http_status::bad_request);
  CHECK(answer.reason == "count 'x' is wrong");
  CHECK(answer.body == "count 'x' is wrong");
  CHECK(answer.content_type == "text/plain");
  CHECK(bad_request("\xd1\x81.").body == "??.");
}

TEST_CASE("a plain status has a reason and nothing else") {
  auto answer = plain_status(http_status::gone, "Deleted");
  CHECK(answer.reason == "Deleted");
  CHECK(answer.body.empty());
  CHECK(answer.content_type.empty());
}

TEST_CASE("nobody smuggles a line into an answer") {
  CHECK(to_reason("a\r\nb\tc\x7f\xd1\x81") == "a??b?c???");
  CHECK(to_reason(std::string(1000, 'x')).size() == 500);
  http_answer answer;
  answer.add_header("Location", "/a\r\nSet-Cookie: x");
  CHECK(answer.headers == "Location: /a  Set-Cookie: x\r\n");
}

TEST_CASE("errors have a status, and Retry-After where trying again helps") {
  CHECK(to_status(errc::wrong_version) == http_status::bad_request);
  CHECK(to_status(errc::stream_deleted) == http_status::gone);
  CHECK(to_status(errc::too_large) == http_status::payload_too_large);
  CHECK(error_answer(errc::storage_full).status
        == http_status::insufficient_storage);
  CHECK(error_answer(errc::storage_full).headers == "Retry-After: 10\r\n");
  CHECK(error_answer(errc::overloaded).headers == "Retry-After: 1\r\n");
  CHECK(error_answer(errc::unavailable).headers == "Retry-After: 1\r\n");
  CHECK(error_answer(errc::too_many_in_flight).headers == "Retry-After: 1\r\n");
  CHECK(error_answer(errc::not_found).headers.empty());
}

} // namespace callboard::test::http_request_test
