// Flags over environment over file over defaults; and what is refused, and how.
#include "net/options.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <map>

namespace callboard::test::options_test {

using namespace std::chrono_literals;

namespace {

using variables = std::map<std::string, std::string>;

parsed_options parse(const std::vector<std::string>& arguments,
                     const variables& set = {}) {
  return parse_options(arguments, [&](const char* name) -> const char* {
    auto found = set.find(name);
    return found == set.end() ? nullptr : found->second.c_str();
  });
}

std::string file_with(const test::temporary_folder& folder,
                      const std::string& text) {
  auto path = (folder.path / "callboard.toml").string();
  std::ofstream{path} << text;
  return path;
}

} // namespace

TEST_CASE("without anything said the defaults count") {
  auto run = parse({"serve"}).run.value();
  CHECK(run.what == command::serve);
  CHECK(run.settings.data == "./callboard-data");
  CHECK(run.settings.http_address == "127.0.0.1");
  CHECK(run.settings.http_port == 2113);
  CHECK(run.settings.on_loopback());
  CHECK(run.settings.from.at("http") == "default");
}

TEST_CASE("a flag beats the environment, which beats the file") {
  test::temporary_folder folder;
  auto path = file_with(folder, "threads = 3\nlog_level = \"warn\"\n"
                                "max-disk = \"2G\"\n");
  auto run =
    parse({"serve", "--config", path, "--threads", "1"},
          {{"CALLBOARD_THREADS", "2"}, {"CALLBOARD_LOG_LEVEL", "debug"}})
      .run.value();
  CHECK(run.settings.threads == 1);
  CHECK(run.settings.log_level == "debug");
  CHECK(run.settings.max_disk_bytes == std::uint64_t{2} << 30);
  CHECK(run.settings.from.at("threads") == "--threads");
  CHECK(run.settings.from.at("log-level") == "CALLBOARD_LOG_LEVEL");
  CHECK(run.settings.from.at("max-disk") == path + ":3");
  CHECK(describe(run.settings).find("max-disk = 2147483648   # " + path + ":3")
        != std::string::npos);
}

TEST_CASE("a bad value is one line that names it, what it is and what is "
          "allowed") {
  auto refused = [](const std::vector<std::string>& arguments,
                    const variables& set, const std::string& part) {
    auto out = parse(arguments, set);
    REQUIRE(!out.run);
    CHECK(out.end.code == 2);
    INFO(out.end.text);
    CHECK(out.end.text.find(part) != std::string::npos);
    CHECK(out.end.text.find('\n') == std::string::npos);
  };
  refused({"serve", "--http", "nowhere"}, {}, "--http must be ADDRESS:PORT");
  refused({"serve", "--http", "127.0.0.1:99999"}, {}, "not '127.0.0.1:99999'");
  refused({"serve", "--threads", "many"}, {}, "a number from 1 to 256");
  refused({"serve", "--max-disk", "5Q"}, {}, "number of bytes");
  refused({"serve"}, {{"CALLBOARD_LOG_FORMAT", "xml"}},
          "CALLBOARD_LOG_FORMAT must be one of text, json, not 'xml'");
  refused({"serve", "--no-such"}, {}, "--no-such");
  refused({}, {}, "callboard: ");
}

TEST_CASE("a file with an unknown or broken line is refused with its place") {
  test::temporary_folder folder;
  auto path = file_with(folder, "data = \"x\"\nport = 5\n");
  CHECK(parse({"serve", "--config", path}).end.text.find(path + ":2")
        != std::string::npos);
  path = file_with(folder, "data = \n");
  CHECK(parse({"serve", "--config", path}).end.text.find(path + ":1")
        != std::string::npos);
  auto none = parse({"serve", "--config", path + ".none"}).end;
  CHECK(none.code == 2);
  CHECK(none.text
        == "callboard: " + path
             + ".none cannot be read: No such file or directory");
}

TEST_CASE("a folder is no file of settings, and not the defaults") {
  test::temporary_folder folder;
  auto refused = parse({"serve", "--config", folder.path.string()}).end;
  CHECK(refused.code == 2);
  CHECK(refused.text
        == "callboard: " + folder.path.string() + " is a directory");
}

TEST_CASE("the version is told whatever the settings are") {
  CHECK(parse({"version"}, {{"CALLBOARD_THREADS", "-1"}}).run.has_value());
}

TEST_CASE("commands that ask a node can say whom they believe") {
  auto client = parse({"health", "https://h:1", "--ca", "c.pem"}).run->client;
  CHECK(client.url == "https://h:1");
  CHECK(client.ca_file == "c.pem");
  CHECK(!client.insecure);
  CHECK(parse({"cluster", "status", "--insecure"}).run->client.insecure);
}

TEST_CASE("help is no failure") {
  CHECK(parse({"--help"}).end.code == 0);
  CHECK(parse({"serve", "--help"}).end.text.find("--data")
        != std::string::npos);
}

TEST_CASE("other addresses than loopback need a password, or a loud word") {
  auto settings = [](const std::vector<std::string>& arguments,
                     const variables& set = {}) {
    return parse(arguments, set).run->settings;
  };
  auto open = settings({"serve", "--http", "0.0.0.0:2113"});
  CHECK(!open.on_loopback());
  using enum stored_users;
  CHECK(refuse_to_serve(open, none)->find("CALLBOARD_ADMIN_PASSWORD")
        != std::string::npos);
  CHECK(!refuse_to_serve(open, own));
  auto insecure = settings({"serve", "--http", "0.0.0.0:2113", "--insecure"});
  CHECK(!refuse_to_serve(insecure, none));
  CHECK(!refuse_to_serve(insecure, of_loopback));
  auto with_password = [&](const std::string& password) {
    return settings({"serve", "--http", "0.0.0.0:2113"},
                    {{"CALLBOARD_ADMIN_PASSWORD", password}});
  };
  CHECK(!refuse_to_serve(with_password("secret"), none));
  CHECK(refuse_to_serve(with_password("changeit"), none));
  // A password that is only read at the first start helps nobody later.
  CHECK(refuse_to_serve(with_password("secret"), of_loopback)->find("changeit")
        != std::string::npos);
  auto loopback = settings({"serve", "--http", "[::1]:2113"});
  CHECK(!refuse_to_serve(loopback, none));
  CHECK(!refuse_to_serve(loopback, of_loopback));
}

TEST_CASE("certificate and key go together") {
  auto run =
    parse({"serve", "--tls-cert", "c.pem"}, {{"CALLBOARD_TLS_KEY", "k.pem"}});
  CHECK(run.run->settings.tls_certificate == "c.pem");
  CHECK(run.run->settings.tls_key == "k.pem");
  CHECK(parse({"serve", "--tls-cert", "c.pem"}).end.text
        == "callboard: --tls-cert and --tls-key belong together: only "
           "--tls-cert is set");
  CHECK(parse({"serve"}, {{"CALLBOARD_TLS_KEY", "k.pem"}}).end.code == 2);
  // Who names no file did not mean plain HTTP.
  CHECK(parse({"serve", "--tls-cert", "", "--tls-key", ""}).end.text
        == "callboard: --tls-cert must be a path, not ''");
}

TEST_CASE("an address to advertise is a host, a host and port, or a URL") {
  auto advertised = [](const std::string& text) {
    return parse({"serve", "--advertise", text})
      .run.value()
      .settings.advertised;
  };
  CHECK(advertised("broker").host == "broker");
  CHECK(!advertised("broker").port);
  CHECK(advertised("broker:2116").port == 2116);
  CHECK(advertised("[::1]:5").host == "[::1]");
  auto url = advertised("https://b.example.com/a/b/");
  CHECK(url.scheme == "https");
  CHECK(url.host == "b.example.com");
  CHECK(!url.port);
  CHECK(url.prefix == "a/b");
  for (auto text : {"", "a b", "ftp://a", "broker/a", "https://", "a:b",
                    "http://a/?b", "http://u@h"}) {
    INFO(text);
    CHECK(parse({"serve", "--advertise", text}).end.text.find("advertise must")
          != std::string::npos);
  }
}

TEST_CASE("the largest body is a setting with bounds") {
  CHECK(parse({"serve"}).run->settings.body_bytes_max == 16 << 20);
  CHECK(parse({"serve", "--max-body", "4M"}).run->settings.body_bytes_max
        == 4 << 20);
  for (auto text : {"65M", "1", "much"})
    CHECK(parse({"serve", "--max-body", text}).end.text.find("from 1K to 64M")
          != std::string::npos);
}

TEST_CASE("a password is never shown") {
  auto run = parse({"config"}, {{"CALLBOARD_ADMIN_PASSWORD", "hush-hush"}});
  CHECK(describe(run.run->settings).find("hush-hush") == std::string::npos);
}

TEST_CASE("how long io threads look for more is said in microseconds") {
  CHECK(parse({"serve"}).run.value().settings.idle_poll == 100us);
  auto off = parse({"serve", "--idle-poll-us", "0"}).run.value().settings;
  CHECK(off.idle_poll == 0us);
  for (auto* wrong : {"-1", "10001", "1ms"}) {
    auto end = parse({"serve", "--idle-poll-us", wrong}).end;
    CHECK(end.code == 2);
    CHECK(end.text.find("a number of microseconds") != std::string::npos);
  }
}

TEST_CASE("settings are listed with where they came from, secrets hidden") {
  auto run =
    parse({"serve", "--threads", "2"}, {{"CALLBOARD_ADMIN_PASSWORD", "hidden"}})
      .run.value();
  bool threads = false;
  bool password = false;
  for (auto& one : list_options(run.settings)) {
    CHECK_FALSE(one.description.empty());
    if (one.name == "threads")
      threads = one.value == "2" && one.source == "--threads";
    if (one.name == "admin-password")
      password =
        one.value == "********" && one.source == "CALLBOARD_ADMIN_PASSWORD";
  }
  CHECK(threads);
  CHECK(password);
}

TEST_CASE("the Barco dialect has five ports, each of which can be moved") {
  auto ports = [](const std::vector<std::string>& more,
                  const variables& set = {}) {
    std::vector<std::string> arguments{"serve"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parse(arguments, set).run.value().settings.barco.ports();
  };
  CHECK(ports({}) == barco_ports{9250, 9251, 9252, 9253, 9254});
  CHECK(ports({"--barco", "127.0.0.1:7000", "--barco-metrics", "80"})
        == barco_ports{7000, 7001, 7002, 80, 7004});
  CHECK(ports({"--barco", "127.0.0.1:0"}) == barco_ports{0, 0, 0, 0, 0});
  CHECK(!parse({"serve", "--barco", "off"}).run->settings.barco.on());
  // As with Barco's own variables, one of them moves one port.
  CHECK(ports({}, {{"POLAR_CLIENT_DISCOVERY_PORT", "1"},
                   {"BARCO_CLIENT_DISCOVERY_PORT", "2"},
                   {"BARCO_PRODUCER_PORT", "3"},
                   {"POLAR_PRODUCER_BINARY_PORT", "4"}})
        == barco_ports{1, 3, 9252, 9253, 4});
  CHECK(ports({"--barco-producer", "5"}, {{"CALLBOARD_BARCO_CONSUMER", "6"},
                                          {"POLAR_PRODUCER_PORT", "7"},
                                          {"POLAR_CONSUMER_PORT", "8"}})
        == barco_ports{9250, 5, 6, 9253, 9254});
  auto refused = [](const std::vector<std::string>& arguments,
                    const variables& set = {}) {
    return parse(arguments, set).end.text;
  };
  CHECK(refused({"serve", "--barco", "127.0.0.1:65533"}).find("--barco must")
        != std::string::npos);
  CHECK(refused({"serve", "--barco", "9250"}).find("or off")
        != std::string::npos);
  CHECK(refused({"serve"}, {{"POLAR_PRODUCER_PORT", "tcp://10.0.0.1:9251"}})
          .find("POLAR_PRODUCER_PORT must be a port")
        != std::string::npos);
}

TEST_CASE("what Barco's variables bound is bounded here") {
  auto run = parse({"serve"}, {{"POLAR_MAX_MESSAGE_SIZE", "2097152"},
                               {"BARCO_CONSUMER_READ_TIMEOUT_MS", "5000"}})
               .run.value();
  CHECK(run.settings.barco.message_bytes_max == 2 << 20);
  CHECK(run.settings.barco.consumer_wait_max == std::chrono::seconds{5});
  CHECK(run.settings.from.at("barco-max-message") == "POLAR_MAX_MESSAGE_SIZE");
  for (auto text : {"0", "5M", "much"})
    CHECK(parse({"serve", "--barco-max-message", text})
            .end.text.find("from 1 to 4M")
          != std::string::npos);
  CHECK(parse({"serve", "--barco-consumer-timeout", "0"}).end.code == 2);
  CHECK(parse({"serve", "--barco-advertise", "host:1"}).end.code == 2);
}

TEST_CASE("the Barco dialect is open to others only if that is said") {
  auto refused = [](std::vector<std::string> more, const variables& set = {}) {
    more.insert(more.begin(), "serve");
    return refuse_to_serve(parse(more, set).run.value().settings,
                           stored_users::own)
      .value_or("");
  };
  CHECK(refused({}).empty());
  CHECK(refused({"--barco", "127.0.0.2:9250"}).empty());
  auto why = refused({"--barco", "0.0.0.0:9250"});
  CHECK(why.find("0.0.0.0:9250 can be reached by others") != std::string::npos);
  CHECK(why.find("--barco-open or --anonymous on") != std::string::npos);
  CHECK(refused({}, {{"POLAR_LISTEN_ON_ALL", "true"}}) == why);
  CHECK(refused({}, {{"POLAR_LISTEN_ON_ALL", "false"}}).empty());
  CHECK(refused({"--barco", "off"}, {{"BARCO_LISTEN_ON_ALL", "1"}}).empty());
  CHECK(refused({"--barco", "0.0.0.0:9250", "--barco-open"}).empty());
  CHECK(refused({"--barco", "0.0.0.0:9250", "--anonymous", "on"}).empty());
  CHECK(refused({"--barco", "0.0.0.0:9250", "--insecure"}).empty());
}

TEST_CASE("the line end of a secret that was made with echo does not count") {
  auto password = [](const char* text) {
    auto parsed = parse({"serve"}, {{"CALLBOARD_ADMIN_PASSWORD", text}});
    return parsed.run ? parsed.run->settings.admin_password : parsed.end.text;
  };
  CHECK(password("s3cret\n") == "s3cret");
  CHECK(password("s3cret\r\n") == "s3cret");
  for (auto* text : {"s3cret\n\n", "s3\tcret", "s3cret\x7f"}) {
    auto told = password(text);
    CHECK(told.starts_with("callboard: CALLBOARD_ADMIN_PASSWORD must be one "
                           "line without control characters"));
    CHECK(told.find("s3") == told.npos);
  }
}

} // namespace callboard::test::options_test
