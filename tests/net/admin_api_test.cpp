// Health, version, numbers.
#include "net/group_metrics.hpp"
#include "net/metrics.hpp"
#include "tests/support/dialect_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <ctime>

namespace callboard::test::admin_api_test {

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
  CHECK(info["authentication"]["type"] == "internal");
  CHECK(info["authentication"]["properties"] == nlohmann::json::object());
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

TEST_CASE("stats are the figures of this process and its machine") {
  while (std::clock() < CLOCKS_PER_SEC / 20)
    ; // the kernel counts in hundredths of a second
  dialect_fixture f;
  auto all = anonymous(f, "/stats").json();
  auto& process = all["proc"];
  CHECK(process["startTime"].get<std::string>().ends_with("Z"));
  CHECK(process["threadsCount"] >= 1);
  CHECK(process["cpuSeconds"] > 0);
  CHECK(process["diskIo"]["readOps"] > 0);
  CHECK(process["tcp"]["connections"] == 0);
  CHECK(all["sys"]["totalMem"] > all["sys"]["freeMem"]);
  CHECK(all["sys"]["loadavg"].contains("15m"));
  CHECK(all["sys"]["drive"]["/"]["usage"].get<std::string>().ends_with("%"));
  CHECK(anonymous(f, "/stats/sys/totalMem").json() == all["sys"]["totalMem"]);
}

TEST_CASE("stats with metadata, or without their groups") {
  dialect_fixture f;
  auto leaf = anonymous(f, "/stats?metadata=True").json()["es"]["events"];
  CHECK(
    leaf["appended"].dump()
    == R"({"category":"es","drawChart":true,"title":"appended","value":0})");
  CHECK(anonymous(f, "/stats/es/events/appended?metadata=true").json()["title"]
        == "appended");
  auto flat = anonymous(f, "/stats?group=false").json();
  CHECK(flat["es-events-appended"] == 0);
  CHECK_FALSE(flat.contains("es"));
  auto part = anonymous(f, "/stats/es?group=false");
  CHECK(part.status() == 400);
  CHECK(part.body()
        == "Dynamic stats selection works only with grouping enabled");
  CHECK(anonymous(f, "/stats?group=true&metadata=no").json()["proc"]["id"]
        == getpid());
}

TEST_CASE("gossip names the one node there is") {
  dialect_fixture f;
  f.publish("s");
  auto told = anonymous(f, "/gossip").json();
  CHECK(told["serverIp"] == "127.0.0.1");
  CHECK(told["serverPort"] == 2113);
  REQUIRE(told["members"].size() == 1);
  auto& node = told["members"][0];
  CHECK(parse_uuid(node["instanceId"].get<std::string>()));
  CHECK(node["state"] == "Leader");
  CHECK(node["isAlive"] == true);
  CHECK(node["httpEndPointIp"] == "127.0.0.1");
  CHECK(node["httpEndPointPort"] == 2113);
  CHECK(node["timeStamp"].get<std::string>().ends_with("Z"));
  CHECK(node["writerCheckpoint"] == 1);
}

TEST_CASE("options are for operators, and keep secrets") {
  dialect_fixture f;
  CHECK(anonymous(f, "/info/options").status() == 401);
  CHECK(f.call_as("anna", http_verb::get, "/info/options").status() == 401);
  auto told = f.call_as("ops; $ops", http_verb::get, "/info/options").json();
  REQUIRE(told.size() == 2);
  CHECK(told[0]["name"] == "admin-password");
  CHECK(told[0]["value"] == "********");
  CHECK(told[0]["possibleValues"] == nlohmann::json::array());
  CHECK(told[1]["name"] == "log-level");
  CHECK(told[1]["value"] == "warn");
  CHECK(told[1]["description"] == "how much");
  CHECK(told[1]["group"] == "Logging Options");
  CHECK(told[1]["possibleValues"].size() == 5);
  CHECK(told[1]["configurationSource"] == "--log-level");
}

TEST_CASE("only operators stop the process") {
  dialect_fixture f;
  CHECK(anonymous(f, "/admin/shutdown", http_verb::post).status() == 401);
  CHECK(f.call_as("anna", http_verb::post, "/admin/shutdown").status() == 401);
  CHECK(f.shutdowns == 0);
  auto done =
    f.call_as("ops; $ops", http_verb::post, "/admin/shutdown",
              {{"Content-Type", "application/x-www-form-urlencoded"}});
  CHECK(done.status() == 200);
  CHECK(done.body().empty());
  CHECK(f.shutdowns == 1);
}

TEST_CASE("a scavenge is started by operators, and told about") {
  dialect_fixture f;
  CHECK(anonymous(f, "/admin/scavenge", http_verb::post).status() == 401);
  CHECK(f.get("/admin/scavenge/current").body() == "{}");
  CHECK(f.get("/admin/scavenge/last").json()["scavengeResult"] == "Unknown");
  auto started = f.post("/admin/scavenge?startFromChunk=0&threads=1");
  CHECK(started.status() == 200);
  auto id = started.json()["scavengeId"].get<std::string>();
  CHECK(parse_uuid(id));
  auto last = f.get("/admin/scavenge/last").json();
  CHECK(last["scavengeId"] == id);
  CHECK(last["scavengeLink"] == "http://h:2113/admin/scavenge/" + id);
  CHECK(last["scavengeResult"] == "Success");
  CHECK(f.post("/admin/scavenge?startFromChunk=-1").body()
        == "startFromChunk must be a positive integer");
  CHECK(f.post("/admin/scavenge?threads=0").body()
        == "threads must be a 1 or above");
}

TEST_CASE("a second scavenge is refused, the first one can be stopped") {
  dialect_fixture f;
  auto quietly = [&](http_verb verb, const std::string& target) {
    return f.begin_quietly(verb, target, {{"ES-TrustedAuth", "ops; $ops"}});
  };
  CHECK(f.call(http_verb::delete_, "/admin/scavenge/current").status() == 404);
  CHECK(f.call(http_verb::delete_, "/admin/scavenge/nonsense").status() == 404);
  auto first = quietly(http_verb::post, "/admin/scavenge");
  auto second = quietly(http_verb::post, "/admin/scavenge");
  f.settle();
  CHECK(f.answer_to(first)->status() == 200);
  CHECK(f.answer_to(second)->status() == 400);
  auto running = quietly(http_verb::post, "/admin/scavenge");
  auto other =
    quietly(http_verb::delete_, "/admin/scavenge/" + to_string(world::id(78)));
  auto stop = quietly(http_verb::delete_, "/admin/scavenge/current");
  f.settle();
  CHECK(f.answer_to(other)->status() == 404);
  CHECK(f.answer_to(stop)->status() == 200);
  CHECK(f.answer_to(stop)->json() == f.answer_to(running)->json());
  CHECK(f.get("/admin/scavenge/last").json()["scavengeResult"] == "Stopped");
}

TEST_CASE("there are no projections") {
  dialect_fixture f;
  CHECK(anonymous(f, "/projections/all-non-transient").json().dump()
        == R"({"projections":[]})");
  CHECK(f.get("/projection/x/state").status() == 404);
  CHECK(f.post("/projection/x/command/enable").status() == 404);
  CHECK(f.post("/projections/continuous?name=x").status() == 404);
  CHECK(f.get("/projections/x").status() == 404);
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
  CHECK(has(got, "callboard_groups 1"));
  CHECK(has(got, "callboard_group_ready{stream=\"s\\\"1\",group=\"g\"} 1"));
  CHECK(has(got, "callboard_group_in_flight{stream=\"s\\\"1\",group=\"g\"} 1"));
  CHECK(has(got, "callboard_group_oldest_parked_seconds{stream=\"s\\\"1\","
                 "group=\"g\"} 0"));
  CHECK(has(got, "callboard_storage_writable 1"));
  CHECK(has(got, "callboard_build_info{version=\"" CALLBOARD_VERSION "\"} 1"));
  f.w.log->refuses = errc::storage_full;
  auto hidden = anonymous(f, "/metrics");
  CHECK(has(hidden, "callboard_events_appended_total 2"));
  CHECK(has(hidden, "callboard_storage_writable 0"));
  CHECK(has(hidden, "callboard_publishing_refused{reason=\"storage_full\"} 1"));
  CHECK(
    has(hidden, "callboard_publishing_refused{reason=\"storage_failed\"} 0"));
  CHECK(hidden.body().find("s\\\"1") == std::string::npos);
  // What is not told is not 0 either.
  CHECK(hidden.body().find("callboard_group") == std::string::npos);
}

TEST_CASE("a store that is full does not make the log read-only") {
  dialect_fixture f;
  temporary_folder folder;
  auto& db = f.w.node->db;
  auto full = store::open({.folder = folder.path,
                           .partitions = db->partitions(),
                           .disk_bytes_max = 1,
                           .flush_in_background = false})
                .value();
  full->apply({0}, {1}, record{{1}, {}, {}}, 64);
  REQUIRE(full->flush().has_value());
  REQUIRE(full->refusal() == errc::storage_full);
  std::swap(db, full);
  auto told = anonymous(f, "/metrics").body();
  std::swap(db, full);
  CHECK(told.find("callboard_storage_writable 1\n") != told.npos);
  CHECK(told.find("callboard_publishing_refused{reason=\"storage_full\"} 1\n")
        != told.npos);
}

TEST_CASE("groups that are too many to be measured are counted") {
  group_infos many(measured_groups_max + 3);
  families all;
  add_groups(all, many);
  CHECK(all.text().find("callboard_groups_not_shown 3\n") != std::string::npos);
}

} // namespace callboard::test::admin_api_test
