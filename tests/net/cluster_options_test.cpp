// What can be said of a node's place in a cluster, and what is refused.
#include "net/options.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

namespace callboard::test::cluster_options_test {

namespace {

constexpr auto three = "1=127.0.0.1:2114,2=127.0.0.2:2114,3=127.0.0.3:2115";

parsed_options parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "serve");
  return parse_options(arguments, [](const char*) { return nullptr; });
}

const options& settings_of(const parsed_options& parsed) {
  INFO(parsed.end.text);
  REQUIRE(parsed.run.has_value());
  return parsed.run->settings;
}

std::string refusal_of(std::vector<std::string> arguments) {
  auto parsed = parse(std::move(arguments));
  REQUIRE(!parsed.run);
  CHECK(parsed.end.code == 2);
  return parsed.end.text;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a node stands alone unless it is told of peers") {
  auto parsed = parse({});
  CHECK(!settings_of(parsed).cluster.on());
}

TEST_CASE("the nodes of a cluster are named with their numbers") {
  auto parsed = parse({"--node-id", "3", "--peers", three});
  auto& cluster = settings_of(parsed).cluster;
  REQUIRE(cluster.on());
  REQUIRE(cluster.peers.size() == 3);
  CHECK(cluster.peers[1] == peer_address{2, "127.0.0.2", 2114});
  CHECK(cluster.self("anything")->id == 3);
  CHECK(cluster.on_loopback());
  // It listens where the others look for it.
  CHECK(cluster.listen == "127.0.0.3:2115");
  auto elsewhere =
    parse({"--node-id", "3", "--peers", three, "--cluster", "127.0.0.9:9"});
  CHECK(settings_of(elsewhere).cluster.listen == "127.0.0.9:9");
}

TEST_CASE("a node is known by the number that its host's name ends with") {
  cluster_options cluster;
  REQUIRE(!read_peers(cluster.peers, three));
  CHECK(cluster.self("node2")->id == 2);
  CHECK(cluster.self("callboard-3")->id == 3);
  CHECK(cluster.self("3")->id == 3);
  CHECK(cluster.self("node4") == nullptr);
  CHECK(cluster.self("node") == nullptr);
  cluster.node_id = 1;
  CHECK(cluster.self("node2")->id == 1);
}

TEST_CASE("what is wrong with the nodes is said") {
  for (std::string text : {"127.0.0.1:2114", "1=", "1=host", "0=host:1",
                           "x=host:1", "1=host:0", "70000=host:1"})
    CHECK(
      holds(refusal_of({"--node-id", "1", "--peers", text}), "ID=HOST:PORT"));
  CHECK(holds(refusal_of({"--node-id", "1", "--peers", "1=a:1,1=b:1"}),
              "names node 1 twice"));
  CHECK(holds(refusal_of({"--node-id", "4", "--peers", three}),
              "does not name node 4"));
  CHECK(holds(refusal_of({"--node-id", "4"}), "--peers"));
  CHECK(holds(refusal_of({"--node-id", "1", "--peers", "1=a:1,2=b:1"}),
              "--cluster-secret-file"));
}

TEST_CASE("what belongs to a cluster is refused without its nodes") {
  for (std::vector<std::string> words :
       {std::vector<std::string>{"--join"},
        {"--cluster-secret-file", "/run/secret"},
        {"--wal-keep", "1G"},
        {"--advertise-http", "a:1"},
        {"--advertise-barco", "a"},
        {"--cluster", "127.0.0.1:2114"}})
    CHECK(refusal_of(words)
          == "callboard: " + words.front()
               + " belongs to a cluster: name its nodes with --peers");
  auto image = [](const char* name) {
    return name == std::string{"CALLBOARD_CLUSTER"} ? "0.0.0.0:2114" : nullptr;
  };
  CHECK(parse_options({"serve"}, image).run);
  CHECK(parse({"--join", "off", "--advertise-http", ""}).run);
}

TEST_CASE("a cluster can be a table of the file") {
  temporary_folder folder;
  auto file = folder.path / "callboard.toml";
  std::ofstream{file} << "[cluster]\n"
                         "node-id = 2\n"
                         "listen = \"127.0.0.2:3000\"\n"
                         "secret-file = \"/run/secret\"\n"
                         "peers = { 1 = \"127.0.0.1:3000\", 2 = "
                         "\"127.0.0.2:3000\" }\n";
  auto parsed = parse({"--config", file.string()});
  auto& cluster = settings_of(parsed).cluster;
  CHECK(cluster.node_id == 2);
  CHECK(cluster.listen == "127.0.0.2:3000");
  CHECK(cluster.secret_file == "/run/secret");
  REQUIRE(cluster.peers.size() == 2);
  CHECK(cluster.peers[0] == peer_address{1, "127.0.0.1", 3000});

  std::ofstream{file} << "[cluster]\npears = \"x\"\n";
  auto wrong = parse({"--config", file.string()});
  CHECK(holds(wrong.end.text, "pears"));
}

TEST_CASE("commands that ask a running node have their own options") {
  auto health = parse_options({"health", "http://127.0.0.1:9/x"},
                              [](const char*) { return nullptr; });
  REQUIRE(health.run.has_value());
  CHECK(health.run->what == command::health);
  CHECK(health.run->client.url == "http://127.0.0.1:9/x");
  auto transfer = parse_options(
    {"cluster", "transfer", "2", "--http", "127.0.0.1:9", "--user", "ops:x"},
    [](const char*) { return nullptr; });
  INFO(transfer.end.text);
  REQUIRE(transfer.run.has_value());
  CHECK(transfer.run->client.action == "transfer");
  CHECK(transfer.run->client.argument == "2");
  CHECK(transfer.run->client.url == "127.0.0.1:9");
  CHECK(transfer.run->client.user == "ops:x");
  CHECK(!parse_options({"cluster"}, [](const char*) { return nullptr; }).run);
  CHECK(!parse_options({"cluster", "add"}, [](const char*) {
           return nullptr;
         }).run);
}

} // namespace callboard::test::cluster_options_test
