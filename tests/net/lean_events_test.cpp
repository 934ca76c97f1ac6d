// Deliveries in the lean form: what is inline, what is base64.
#include "net/lean_events.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace callboard::test::lean_events_test {

using nlohmann::json;

namespace {

event_ptr make(std::string data, bool is_json, std::string metadata = "") {
  auto out = std::make_shared<event>();
  out->id.bytes[15] = 1;
  out->type = "order";
  out->data = std::move(data);
  out->metadata = std::move(metadata);
  out->is_json = is_json;
  out->number = {7};
  out->created = {1'700'000'000'125};
  return out;
}

delivery plain(const event_ptr& e) {
  return {{e, e, {}}, lane::source, 2, {12}};
}

std::string lean(const delivery& what, lean_embed embed = lean_embed::body) {
  std::string out;
  append_lean(out, "orders", {3}, what, embed);
  return out;
}

} // namespace

TEST_CASE("JSON data are inline as they were sent") {
  auto text = lean(plain(make(R"({"a": 1.10})", true, R"({"m":[]})")));
  CHECK(text.find(R"("data":{"a": 1.10})") != std::string::npos);
  CHECK(json::parse(text)
        == json::parse(R"({"id": "00000000-0000-0000-0000-000000000001",
          "lease": "g3-l12", "stream": "orders", "number": 7, "type": "order",
          "attempt": 2, "created": "2023-11-14T22:13:20.125Z",
          "contentType": "application/json", "data": {"a": 1.10},
          "metadata": {"m": []}})"));
}

TEST_CASE("data that are not JSON, or only say so, are base64") {
  std::string bytes{"\0\xffx", 3};
  auto raw = json::parse(lean(plain(make(bytes, false))));
  CHECK(raw["contentType"] == "application/octet-stream");
  CHECK(raw["data"] == "AP94");
  CHECK(raw["metadata"].is_null());
  auto broken = json::parse(lean(plain(make("{x", true))));
  CHECK(broken["contentType"] == "application/octet-stream");
  CHECK(broken["data"] == "e3g=");
}

TEST_CASE("no data are null, and none are shown if none are wanted") {
  CHECK(json::parse(lean(plain(make("", true))))["data"].is_null());
  auto bare = json::parse(lean(plain(make("{}", true)), lean_embed::none));
  CHECK(!bare.contains("data"));
  CHECK(bare["lease"] == "g3-l12");
}

TEST_CASE("through a link the event behind it is shown, settled by the link") {
  auto link = make("5@source", false);
  auto target = std::make_shared<event>(*make(R"({"b":2})", true));
  target->id.bytes[15] = 9;
  target->number = {5};
  auto raw = std::make_shared<event>(*link);
  raw->type = link_type;
  auto shown = json::parse(lean(
    {{event_ptr{raw}, event_ptr{target}, "source"}, lane::source, 1, {1}}));
  CHECK(shown["id"] == "00000000-0000-0000-0000-000000000001");
  CHECK(shown["eventId"] == "00000000-0000-0000-0000-000000000009");
  CHECK(shown["stream"] == "source");
  CHECK(shown["number"] == 5);
  CHECK(shown["data"] == json::parse(R"({"b":2})"));
}

} // namespace callboard::test::lean_events_test
