// Names, numbers, headers and lists of requests: what passes, what is said.
#include "actors/core/limits.hpp"
#include "net/eventstore_request.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::eventstore_request_test {

using namespace std::chrono_literals;

namespace {

http_request with(std::string_view name, std::string_view value) {
  http_request out;
  out.add_header(name, value);
  return out;
}

template <class T>
std::string text_of(const accepted<T>& outcome) {
  REQUIRE(outcome.has_error());
  CHECK(outcome.error().status == 400);
  return outcome.error().text;
}

} // namespace

TEST_CASE("integers are whole") {
  CHECK(parse_integer("-4") == -4);
  CHECK(parse_integer("+7") == 7);
  CHECK(parse_integer("9223372036854775807") == INT64_MAX);
  for (auto text : {"", "+", "-", "+-1", "10.1", "one", " 1", "1 ", "0x1",
                    "9223372036854775808"})
    CHECK_FALSE(parse_integer(text));
}

TEST_CASE("names of streams have a length") {
  CHECK(check_writable_name(std::string(400, 's')));
  CHECK(check_writable_name("$$" + std::string(400, 's')));
  CHECK(text_of(check_writable_name(std::string(401, 's')))
        == "stream has 401 bytes; at most 400 are allowed.");
  CHECK(text_of(check_writable_name(""))
        == "Invalid request. Stream must be non-empty string");
  CHECK(text_of(check_writable_name("$$$$s"))
        == "stream is '$$$$s', the metadata of metadata; allowed: other "
           "names.");
  CHECK_FALSE(check_writable_name("$$"));
  CHECK(check_readable_name(std::string(495, 's')));
  CHECK_FALSE(check_readable_name(std::string(496, 's')));
  CHECK_FALSE(check_readable_name(""));
}

TEST_CASE("nobody publishes to the streams that groups keep") {
  for (std::string end : {"parked", "kept", "checkpoint"}) {
    auto name = "$persistentsubscription-s::g-" + end;
    CHECK(text_of(check_publishable_name(name))
          == "stream is '" + name
               + "', which a group keeps for itself; allowed: other names.");
    CHECK(check_writable_name(name));
    CHECK(check_publishable_name("$$" + name));
  }
  CHECK(check_publishable_name("s"));
  CHECK_FALSE(check_publishable_name(""));
}

TEST_CASE("of the streams that groups keep what is parked can be deleted") {
  std::string start = "$persistentsubscription-s::g-";
  CHECK(check_deletable_name(start + "parked", false));
  CHECK(text_of(check_deletable_name(start + "parked", true))
        == "stream is '" + start
             + "parked', which a group keeps for itself; allowed: a delete "
               "without ES-HardDelete.");
  for (bool hard : {false, true}) {
    CHECK_FALSE(check_deletable_name(start + "kept", hard));
    CHECK_FALSE(check_deletable_name(start + "checkpoint", hard));
    CHECK_FALSE(check_deletable_name("", hard));
    CHECK(check_deletable_name("s", hard));
  }
}

TEST_CASE("names of groups fit beside those of their streams") {
  CHECK(check_group_names({"s", std::string(90, 'g')}));
  CHECK(text_of(check_group_names({"s", std::string(91, 'g')}))
        == "group has 91 bytes; at most 90 are allowed.");
  CHECK(text_of(check_group_names({"s", ""}))
        == "group is empty; a name is needed.");
  CHECK(check_group_names({std::string(400, 's'), std::string(62, 'g')}));
  CHECK(
    text_of(check_group_names({std::string(400, 's'), std::string(63, 'g')}))
    == "the name of stream and group together has 463 bytes; at most 462 "
       "are allowed.");
}

TEST_CASE("names of groups leave no doubt where that of the stream ends") {
  for (auto group : {"b::c", ":b", "b::", "::"}) {
    auto text = text_of(check_group_names({"s", group}));
    CHECK(text.starts_with(std::string{"group is '"} + group + "'; allowed: "));
  }
  CHECK(check_group_names({"a::b", "c"}));
  CHECK(check_group_names({"a:", "b:c:"}));
}

TEST_CASE("flags are true or false in any case") {
  CHECK(read_flag({}, "ResolveLinkTos", true).value());
  CHECK_FALSE(read_flag({}, "ResolveLinkTos", false).value());
  CHECK(read_flag(with("ES-HardDelete", "TRUE"), "HardDelete", false).value());
  CHECK_FALSE(
    read_flag(with("kurrent-harddelete", "False"), "HardDelete", true).value());
  CHECK(text_of(read_flag(with("ES-HardDelete", "yes"), "HardDelete", false))
        == "ES-HardDelete header in wrong format.");
  CHECK(text_of(read_flag(with("Kurrent-HardDelete", ""), "HardDelete", false))
        == "Kurrent-HardDelete header in wrong format.");
  CHECK(check_leader_flags(with("ES-RequireMaster", "True")));
  CHECK(text_of(check_leader_flags(with("ES-RequireLeader", "1")))
        == "ES-RequireLeader header in wrong format.");
}

TEST_CASE("expected versions are -4, -2, -1 or a number") {
  auto version = [](std::string_view text) {
    return read_expected_version(with("ES-ExpectedVersion", text));
  };
  CHECK(read_expected_version({}) == -2);
  CHECK(version("-4") == -4);
  CHECK(version("-2") == -2);
  CHECK(version("-1") == -1);
  CHECK(version("0") == 0);
  CHECK(version("41") == 41);
  for (auto text : {"-5", "-3", "one", "", "1.5"})
    CHECK(text_of(version(text))
          == "ES-ExpectedVersion header in wrong format.");
}

TEST_CASE("a read waits by ES-LongPoll, or by Prefer") {
  CHECK(read_wait({}) == 0s);
  CHECK(read_wait(with("ES-LongPoll", "5")) == 5s);
  CHECK(read_wait(with("Kurrent-LongPoll", "60")) == 60s);
  CHECK(read_wait(with("ES-LongPoll", "3600")) == 60s);
  CHECK(read_wait(with("Prefer", "respond-async, wait=7; x=y")) == 7s);
  CHECK(read_wait(with("Prefer", "Wait = 0")) == 0s);
  CHECK(read_wait(with("Prefer", "return=minimal")) == 0s);
  for (auto text : {"0", "-1", "x", "1.5", ""})
    CHECK(text_of(read_wait(with("ES-LongPoll", text)))
          == "ES-LongPoll header in wrong format.");
  CHECK(text_of(read_wait(with("Prefer", "wait=soon")))
        == "Prefer: wait is 'soon'; allowed: a number of seconds from 0.");
}

TEST_CASE("event numbers and counts of pages") {
  CHECK(read_event_number("7", false).value()->value == 7);
  CHECK_FALSE(read_event_number("head", true).value().has_value());
  for (auto text : {"-1", "x", "", "1.0", "Head"})
    CHECK(text_of(read_event_number(text, true))
          == "'" + std::string{text} + "' is not valid event number");
  CHECK_FALSE(read_event_number("head", false).has_value());
  CHECK(read_page_count("4096") == 4096);
  for (auto text : {"0", "-1", "x"})
    CHECK(text_of(read_page_count(text))
          == "'" + std::string{text}
               + "' is not valid count. Should be positive integer");
  CHECK(read_page_count("4097").error()
        == refusal{500, "Read size too big, should be less than 4096 items"});
}

TEST_CASE("a group read asks for 1 to 100 messages") {
  CHECK(read_message_count("1") == 1);
  CHECK(read_message_count("100") == 100);
  auto text = [](std::string_view count) {
    return text_of(read_message_count(count));
  };
  std::string start =
    "Message count must be an integer between 1 and 100 'count' ='";
  CHECK(text("0") == start + "0'");
  CHECK(text("-1") == start + "-1'");
  CHECK(text("101") == start + "101'");
  CHECK(text("10.1") == start + "0'");
  CHECK(text("one") == start + "0'");
  CHECK(text("99999999999") == start + "0'");
  CHECK(text("ack") == start + "0'");
}

TEST_CASE("ids are a list of GUIDs, all of them") {
  std::string id = "c322e299-cb73-4b47-97c5-5054f920746f";
  auto ids =
    read_event_ids(id + ", {" + id + "} ,c322e299cb734b4797c55054f920746f");
  REQUIRE(ids.has_value());
  CHECK(ids->size() == 3);
  for (auto& one : *ids)
    CHECK(to_string(one) == id);
  for (const auto& text : {std::string{}, id + ",", "," + id, id + ",x",
                           id + "?action=park", std::string{"notaguid"}})
    CHECK(text_of(read_event_ids(text))
          == "messageid should be a properly formed guid");
}

TEST_CASE("an id that has commas itself is one id") {
  auto ids = read_event_ids("{0xc322e299,0xcb73,0x4b47,{0x97,0xc5,0x50,0x54,"
                            "0xf9,0x20,0x74,0x6f}}");
  REQUIRE(ids.has_value());
  REQUIRE(ids->size() == 1);
  CHECK(to_string(ids->front()) == "c322e299-cb73-4b47-97c5-5054f920746f");
}

TEST_CASE("actions of a nack") {
  CHECK(read_action("PARK") == settle_action::park);
  CHECK(read_action("skip") == settle_action::skip);
  CHECK(read_action("Stop") == settle_action::skip);
  CHECK(read_action("retry") == settle_action::retry);
  CHECK(read_action("") == settle_action::retry);
  CHECK(read_action("explode") == settle_action::retry);
}

TEST_CASE("delays have a unit, milliseconds if none") {
  CHECK(read_delay("1500") == 1500ms);
  CHECK(read_delay("1500ms") == 1500ms);
  CHECK(read_delay("5s") == 5s);
  CHECK(read_delay("2m") == 2min);
  CHECK(read_delay("1h") == 1h);
  CHECK(read_delay("7d") == 168h);
  CHECK(read_delay("1.5s") == 1500ms);
  CHECK(read_delay("PT90S") == 90s);
  CHECK(read_delay("0") == 0ms);
  CHECK(read_delay("8760h") == limits::retry_delay_max);
  for (auto text : {"", "s", "ms", "-1", "8761h", "5 s", "366d", "P1M",
                    "99999999999999999999"}) {
    INFO(text);
    CHECK(
      text_of(read_delay(text))
      == "delay is '" + std::string{text}
           + "'; allowed: a number of milliseconds, one with ms, s, m, h or "
             "d behind it (90s), or an ISO 8601 duration (PT90S), up to "
             "31536000000 milliseconds.");
  }
}

TEST_CASE("a tag matches in quotes, weak or in a list") {
  CHECK(tag_matches(with("If-None-Match", "\"24;5\""), "24;5"));
  CHECK(tag_matches(with("If-None-Match", "W/\"24;5\""), "24;5"));
  CHECK(tag_matches(with("If-None-Match", "\"1\", \"24;5\""), "24;5"));
  CHECK_FALSE(tag_matches(with("If-None-Match", "24;5"), "24;5"));
  CHECK_FALSE(tag_matches(with("If-None-Match", "\"25;5\""), "24;5"));
  CHECK_FALSE(tag_matches({}, "24;5"));
}

TEST_CASE("no Accept, and one with */*, accept anything") {
  CHECK(accepts_anything({}));
  CHECK(accepts_anything(with("Accept", "text/html, */*;q=0.1")));
  CHECK_FALSE(accepts_anything(with("Accept", "application/json")));
}

} // namespace callboard::test::eventstore_request_test
