// Discovery, the other listeners' small routes, and metrics by both names.
#include "tests/support/barco_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::barco_discovery_test {

TEST_CASE("discovery tells one broker and its ports, in Barco's order") {
  barco_fixture b{add_discovery_routes};
  auto brokers = b.get("/v1/brokers");
  CHECK(brokers.status() == 200);
  CHECK(brokers.answer.content_type == "application/json");
  CHECK(brokers.body()
        == R"({"length":1,"names":["localhost"],"producerPort":9251,)"
           R"("producerBinaryPort":9254,"consumerPort":9252})"
           "\n");
}

TEST_CASE("discovery names the nodes of a cluster in their order (37)") {
  barco_fixture b{add_discovery_routes};
  b.state->hosts = [] {
    return std::vector<std::string>{"a.example", "10.0.0.2", "[fd00::3]"};
  };
  CHECK(b.get("/v1/brokers").body()
        == R"({"length":3,"names":["a.example","10.0.0.2","[fd00::3]"],)"
           R"("producerPort":9251,"producerBinaryPort":9254,)"
           R"("consumerPort":9252})"
           "\n");
}

TEST_CASE("discovery's status follows whether records can be stored (36)") {
  barco_fixture b{add_discovery_routes};
  CHECK(b.get("/status").body()
        == "Client discovery server listening on 9250\n");
  b.state->ready = [] { return false; };
  auto down = b.get("/status");
  CHECK(down.status() == 503);
  CHECK(down.body()
        == "Broker is unavailable to handle producer/consumer requests");
  CHECK(down.header("Retry-After") == "1");
}

TEST_CASE("a client is told a name by which it can reach the broker") {
  auto name = [](std::string address, std::string advertise,
                 std::optional<std::string_view> host) {
    barco_options settings;
    settings.address = std::move(address);
    settings.advertise = std::move(advertise);
    return broker_name(settings, host);
  };
  CHECK(name("127.0.0.1", "", "else:9250") == "localhost");
  CHECK(name("::1", "", "else") == "localhost");
  CHECK(name("127.0.0.2", "", "else") == "127.0.0.2");
  CHECK(name("10.0.0.5", "", "else") == "10.0.0.5");
  CHECK(name("fd00::5", "", {}) == "[fd00::5]");
  CHECK(name("0.0.0.0", "", "broker.example:9250") == "broker.example");
  CHECK(name("::", "", "[fd00::7]:9250") == "[fd00::7]");
  CHECK(name("0.0.0.0", "outer", "broker:9250") == "outer");
  CHECK(!name("0.0.0.0", "", "bad host/\"").empty());
  CHECK(!name("0.0.0.0", "", {}).empty());
}

TEST_CASE("the consumer's listener says that it is there") {
  barco_fixture b{add_consumer_routes};
  CHECK(b.get("/status").body() == "Consumer server listening on 9252\n");
  auto other = b.call(http_verb::post, "//v1/nothing");
  CHECK(other.status() == 404);
}

TEST_CASE("metrics have Barco's names of before and after, and all of ours") {
  barco_fixture b{add_barco_metrics_routes};
  b.state->produce_requests = 3;
  b.state->produce_bytes = 30;
  auto got = b.get("/metrics");
  CHECK(got.status() == 200);
  CHECK(got.answer.content_type == "text/plain; version=0.0.4; charset=utf-8");
  for (std::string line :
       {"# TYPE polar_producer_requests_total counter\n",
        "\npolar_producer_requests_total 3\n",
        "\nbarco_producer_requests_body_bytes_total 30\n",
        "\npolar_consumer_active 0\n", "\nbarco_consumer_open_connections 0\n",
        "\ncallboard_events_appended_total 0\n"}) {
    INFO(line);
    CHECK(got.body().find(line) != std::string::npos);
  }
  CHECK(got.body().find("rerouting") == std::string::npos);
}

} // namespace callboard::test::barco_discovery_test
