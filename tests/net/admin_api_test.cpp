// Health, version, numbers.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

seen_answer anonymous(dialect_fixture& f, std::string_view target,
                      http_verb verb = http_verb::get) {
  return f.call_as("", verb, target);
}

} // namespace

TEST_CASE("ping and info answer everybody") {
  dialect_fixture f;
  CHECK(anonymous(f, "/ping").body()
        == "{\n  \"text\": \"Ping request successfully handled\"\n}");
  auto info = anonymous(f, "/info").json();
  CHECK(info["state"] == "leader");
  CHECK(info["dbVersion"] == CALLBOARD_VERSION);
  CHECK(info["features"]["atomPub"] == true);
}

TEST_CASE("the node's documents can be had as XML") {
  dialect_fixture f;
  const headers xml{{"Accept", "text/xml"}};
  const std::string declaration = R"(<?xml version="1.0" encoding="utf-8"?>)";
  auto ping = f.get("/ping", xml);
  CHECK(ping.answer.content_type == "text/xml; charset=utf-8");
  CHECK(ping.body()
        == declaration
             + "<TextMessage><Text>Ping request successfully handled</Text>"
               "</TextMessage>");
  CHECK(f.get("/info", xml).body().find("<State>leader</State>")
        != std::string::npos);
  CHECK(f.get("/stats/es/events/appended", xml).body()
        == declaration + "<Stats>0</Stats>");
  CHECK(f.get("/stats/sys/loadavg?format=xml").body().find("<_x0031_m>")
        != std::string::npos);
  CHECK(f.get("/info", {{"Accept", "application/xml"}}).status() == 406);
}

TEST_CASE("being alive has the status that the client wants") {
  dialect_fixture f;
  CHECK(anonymous(f, "/health/live").status() == 204);
  CHECK(anonymous(f, "/health/live", http_verb::head).status() == 204);
  CHECK(anonymous(f, "/health/live?liveCode=200").status() == 200);
  CHECK(anonymous(f, "/health/live?liveCode=7").body()
        == "liveCode is '7'; allowed: a status from 200 to 599.");
  CHECK(anonymous(f, "/health/live", http_verb::post).status() == 405);
}

TEST_CASE("readiness is told by status") {
  dialect_fixture f;
  CHECK(anonymous(f, "/health/ready").status() == 204);
  f.ready = false;
  auto not_yet = anonymous(f, "/health/ready");
  CHECK(not_yet.status() == 503);
  CHECK(not_yet.header("Retry-After") == "1");
}

TEST_CASE("stats are a document, or a part of it") {
  dialect_fixture f;
  f.publish("s");
  auto all = anonymous(f, "/stats");
  CHECK(all.header("Cache-Control") == "max-age=1, public");
  CHECK(all.json()["es"]["events"]["appended"] == 1);
  CHECK(all.json()["proc"]["id"] == getpid());
  CHECK(all.json()["proc"]["mem"] > 1'000'000);
  CHECK(anonymous(f, "/stats/es/events/appended").body() == "1");
  CHECK(anonymous(f, "/stats/es/nothing").status() == 404);
  CHECK(anonymous(f, "/stats/es/events/appended/x").status() == 404);
}

TEST_CASE(
  "metrics count what happened, and describe groups to those signed in") {
  dialect_fixture f;
  f.w.create("s\"1", "g");
  f.publish("s%221");
  f.publish("s%221");
  f.fetch("/subscriptions/s%221/g/1");
  auto got = f.get("/metrics", {{"Accept", "*/*"}});
  CHECK(got.answer.content_type == "text/plain; version=0.0.4; charset=utf-8");
  auto has = [](const seen_answer& in, const std::string& line) {
    INFO(line << "\n" << in.body());
    return in.body().find(line + "\n") != std::string::npos;
  };
  CHECK(has(got, "# TYPE callboard_events_appended_total counter"));
  CHECK(has(got, "callboard_events_appended_total 2"));
  CHECK(has(got, "callboard_events_delivered_total 1"));
  CHECK(has(got, "callboard_group_ready{stream=\"s\\\"1\",group=\"g\"} 1"));
  CHECK(has(got, "callboard_group_in_flight{stream=\"s\\\"1\",group=\"g\"} 1"));
  CHECK(has(got, "callboard_storage_writable 1"));
  CHECK(has(got, "callboard_build_info{version=\"" CALLBOARD_VERSION "\"} 1"));
  f.w.log->refuses = errc::storage_full;
  auto hidden = anonymous(f, "/metrics");
  CHECK(has(hidden, "callboard_events_appended_total 2"));
  CHECK(has(hidden, "callboard_storage_writable 0"));
  CHECK(hidden.body().find("s\\\"1") == std::string::npos);
}
