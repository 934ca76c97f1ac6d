// Logins, their cache, and who may do what to which stream.
#include "actors/login_actor.hpp"
#include "net/stream_acl.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

constexpr auto get = http_verb::get;
constexpr auto put = http_verb::put;
const headers json_body{{"Content-Type", "application/json"}};

/// Basic credentials; the texts are base64.
headers basic(std::string encoded) {
  return {{"Authorization", "Basic " + encoded},
          {"Content-Type", "application/json"}};
}

const std::string anna = "YW5uYTpzZWNyZXQ=";       // anna:secret
const std::string anna_wrong = "YW5uYTp3cm9uZw=="; // anna:wrong

/// A login actor that counts, and a clock that can be moved.
struct login_desk {
  access_options options(bool trusted = false) {
    return {.trusted_header = trusted, .now = [this] { return now; }};
  }

  login_actor spawn(caf::actor_system& sys) {
    return sys.spawn([this]() -> login_actor::behavior_type {
      return {[this](login_atom,
                     const login_request& who) -> std::optional<principal> {
        ++checks;
        if (who.login == "anna" && who.password == "secret" && !disabled)
          return principal{"anna", {"$ops"}};
        return std::nullopt;
      }};
    });
  }

  std::function<login_actor(caf::actor_system&)> spawner() {
    return [this](caf::actor_system& sys) { return spawn(sys); };
  }

  int checks = 0;
  bool disabled = false;
  std::chrono::steady_clock::time_point now{};
};

unsigned list_groups(dialect_fixture& f, const headers& who) {
  return f.call_as("", get, "/subscriptions", who).status();
}

const principal admin{"admin", {"$admins"}};
const principal ops{"ops", {"$ops"}};
const principal bob{"bob", {"readers"}};

bool may(const principal* who, access_rule rule, std::string_view stream,
         std::string_view acl = {}) {
  auto asked = question_about(stream, rule);
  auto decided = decided_without_acl(who, asked);
  return decided ? *decided : allows(parse_acl(acl), who, asked);
}

} // namespace

TEST_CASE("by default ordinary streams are everybody's, system ones admins'") {
  for (auto rule : {access_rule::read_stream, access_rule::write_stream,
                    access_rule::delete_stream, access_rule::read_metadata,
                    access_rule::write_metadata, access_rule::consume_stream}) {
    CHECK(may(nullptr, rule, "s"));
    CHECK(may(&bob, rule, "s"));
    CHECK_FALSE(may(nullptr, rule, "$s"));
    CHECK_FALSE(may(&bob, rule, "$s"));
    CHECK_FALSE(may(&ops, rule, "$s"));
    CHECK(may(&admin, rule, "$s"));
  }
}

TEST_CASE("nobody writes to or deletes $all") {
  for (auto who : {static_cast<const principal*>(nullptr), &bob, &admin}) {
    CHECK_FALSE(may(who, access_rule::write_stream, "$all"));
    CHECK_FALSE(may(who, access_rule::delete_stream, "$all"));
  }
  CHECK(may(&admin, access_rule::read_stream, "$all"));
  CHECK_FALSE(may(&bob, access_rule::read_stream, "$all"));
}

TEST_CASE("an ACL gives rights by login, by group, and to all") {
  auto acl = R"({"$r":["bob","x"],"$w":"readers","$d":[],"$mr":"$all"})";
  using enum access_rule;
  CHECK(may(&bob, read_stream, "s", acl));
  CHECK(may(&bob, consume_stream, "s", acl));
  CHECK_FALSE(may(&ops, read_stream, "s", acl));
  CHECK_FALSE(may(nullptr, read_stream, "s", acl));
  CHECK(may(&bob, write_stream, "s", acl));
  CHECK_FALSE(may(&bob, delete_stream, "s", acl)); // nobody but admins
  CHECK(may(&admin, delete_stream, "s", acl));
  CHECK(may(nullptr, read_metadata, "s", acl));
  CHECK(may(nullptr, write_metadata, "s", acl)); // not named: the default
  CHECK(may(&bob, read_stream, "$s", acl));
  CHECK_FALSE(may(&bob, write_metadata, "$s", acl));
}

TEST_CASE("a metadata stream is guarded by the ACL of its stream") {
  auto acl = R"({"$r":"x","$w":"x","$mr":"bob","$mw":"readers"})";
  using enum access_rule;
  CHECK(question_about("$$s", read_stream).stream == "s");
  CHECK(may(&bob, read_stream, "$$s", acl));
  CHECK(may(&bob, write_stream, "$$s", acl));
  CHECK(may(&bob, delete_stream, "$$s", acl));
  CHECK_FALSE(may(&ops, read_stream, "$$s", acl));
  CHECK_FALSE(may(&ops, write_stream, "$$s", acl));
  CHECK(may(nullptr, read_stream, "$$s"));        // by the default of s
  CHECK_FALSE(may(nullptr, read_stream, "$$$s")); // by that of $s
}

TEST_CASE("an ACL that cannot be read leaves the defaults") {
  CHECK(parse_acl("") == stream_acl{});
  CHECK(parse_acl("nonsense") == stream_acl{});
  CHECK(parse_acl("[]") == stream_acl{});
}

TEST_CASE("a login is checked once, and remembered for a minute") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  CHECK(list_groups(f, {}) == 401);
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(desk.checks == 1);
  desk.now += 59s;
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(desk.checks == 1);
  desk.now += 1s;
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(desk.checks == 2);
}

TEST_CASE("a change of users counts at once") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  CHECK(list_groups(f, basic(anna)) == 200);
  desk.disabled = true;
  f.access->users_changed();
  CHECK(list_groups(f, basic(anna)) == 401);
  desk.disabled = false;
  f.access->users_changed();
  CHECK(list_groups(f, basic(anna)) == 200);
}

TEST_CASE("a wrong password is 401 everywhere, and costs a check a second") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  auto ping = [&](const headers& who) {
    return f.call_as("", get, "/ping", who);
  };
  CHECK(ping({}).status() == 200);
  auto refused = ping(basic(anna_wrong));
  CHECK(refused.status() == 401);
  CHECK(refused.header("WWW-Authenticate") == "BasicCustom realm=\"ES\"");
  CHECK(refused.body().empty());
  CHECK(ping(basic(anna_wrong)).status() == 401);
  CHECK(desk.checks == 1);
  desk.now += 1s;
  CHECK(ping(basic(anna_wrong)).status() == 401);
  CHECK(desk.checks == 2);
  CHECK(ping({{"Authorization", "Basic %%%"}}).status() == 401);
  CHECK(ping({{"Authorization", "Bearer x"}}).status() == 200); // anonymous
  CHECK(list_groups(f, {{"Authorization", "Bearer x"}}) == 401);
}

TEST_CASE("requests with the same login wait for one check") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  // Nothing runs until both are there.
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < 5; ++i)
    asked.push_back(f.begin_quietly(get, "/subscriptions", basic(anna)));
  f.settle();
  for (auto one : asked)
    CHECK(f.answer_to(one)->status() == 200);
  CHECK(desk.checks == 1);
}

TEST_CASE("too many logins at once are put off, not queued") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  std::vector<std::uint64_t> asked;
  const std::string digits = "ABCDEFGHIJ";
  for (int i = 0; i < 70; ++i) // YW5uYTp4AA==: anna:x and a byte that counts up
    asked.push_back(
      f.begin_quietly(get, "/ping",
                      basic(std::string{"YW5uYTp"} + digits[std::size_t(i / 10)]
                            + digits[std::size_t(i % 10)] + "AA=")));
  f.settle();
  auto put_off = std::count_if(asked.begin(), asked.end(), [&](auto one) {
    auto got = f.answer_to(one);
    return got->status() == 503 && got->header("Retry-After") == "1";
  });
  CHECK(put_off == 70 - 64);
  CHECK(desk.checks == 64);
}

TEST_CASE("the trusted header counts only where it is switched on") {
  login_desk desk;
  dialect_fixture off{desk.options(false), desk.spawner()};
  CHECK(off.call_as("root; $admins", get, "/subscriptions").status() == 401);
  dialect_fixture on{desk.options(true), desk.spawner()};
  CHECK(on.call_as("bob; readers,  $ops", put, "/subscriptions/s/g", json_body,
                   "{}")
          .status()
        == 201);
  CHECK(on.call_as("bob; readers", put, "/subscriptions/s/h", json_body, "{}")
          .status()
        == 401);
  CHECK(on.call_as("; $admins", get, "/ping").status() == 401);
}

TEST_CASE("groups are made by operators, consumed by who is signed in") {
  dialect_fixture f;
  auto status = [&](const std::string& who, http_verb verb,
                    std::string target) {
    return f.call_as(who, verb, target, json_body, "{}").status();
  };
  CHECK(status("", put, "/subscriptions/s/g") == 401);
  CHECK(status("bob", put, "/subscriptions/s/g") == 401);
  CHECK(status("ops; $ops", put, "/subscriptions/s/g") == 201);
  CHECK(status("", http_verb::delete_, "/subscriptions/s/g") == 401);
  CHECK(status("", get, "/subscriptions/s/g") == 401);
  CHECK(status("bob", get, "/subscriptions/s/g") == 200);
  CHECK(status("", http_verb::post, "/subscriptions/s/g/ack/" + f.last_id())
        == 401);
  CHECK(status("bob", http_verb::post, "/subscriptions/s/g/ack/" + f.last_id())
        == 202);
  CHECK(status("", get, "/subscriptions/s/g/info") == 401);
  CHECK(status("bob", get, "/subscriptions/s/g/info") == 200);
  CHECK(status("bob", http_verb::post, "/subscriptions/s/g/replayParked")
        == 401);
}

TEST_CASE("an ACL that was just written counts for the next request") {
  dialect_fixture f;
  CHECK(f.publish("s").status() == 201);
  auto write = [&](const std::string& who, int n) {
    return f
      .call_as(who, http_verb::post, "/streams/s",
               {{"Content-Type", "application/json"},
                {"ES-EventType", "t"},
                {"ES-EventId", to_string(world::id(std::uint64_t(1000 + n)))}},
               "{}")
      .status();
  };
  CHECK(write("", 1) == 201);
  auto acl = [&](const std::string& text, int n) {
    return f
      .post("/streams/%24%24s",
            {{"Content-Type", "application/vnd.eventstore.events+json"}},
            R"([{"eventId":")" + to_string(world::id(std::uint64_t(2000 + n)))
              + R"(","eventType":"$metadata","data":)" + text + "}]")
      .status();
  };
  CHECK(acl(R"({"$acl":{"$w":"other","$r":"other"}})", 1) == 201);
  CHECK(write("", 2) == 401);
  CHECK(write("bob", 3) == 401);
  CHECK(write("other", 4) == 201);
  auto read = [&](const std::string& who) {
    return f.call_as(who, get, "/streams/s", {{"Accept", "application/json"}})
      .status();
  };
  CHECK(read("") == 401);
  CHECK(read("other") == 200);
  f.w.create("s", "g");
  CHECK(f.call_as("bob", get, "/subscriptions/s/g").status() == 401);
  CHECK(f.call_as("other", get, "/subscriptions/s/g").status() == 200);
  CHECK(acl("{}", 2) == 201);
  CHECK(write("", 5) == 201);
}

TEST_CASE("who reads a link needs the right to read its target") {
  dialect_fixture f;
  f.publish("secret");
  f.post("/streams/secret/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(77))}},
         R"({"$acl":{"$r":"bob"}})");
  f.post("/streams/links",
         {{"Content-Type", "application/vnd.eventstore.events+json"}},
         R"([{"eventId":")" + to_string(world::id(78))
           + R"(","eventType":"$>","data":"0@secret"}])");
  auto status = [&](const std::string& who, headers more = {}) {
    more.emplace_back("Accept", "application/json");
    return f.call_as(who, get, "/streams/links", more).status();
  };
  CHECK(status("bob") == 200);
  CHECK(status("") == 401);
  CHECK(status("", {{"ES-ResolveLinkTos", "false"}}) == 200);
  CHECK(f.call_as("", get, "/streams/links/0", {{"Accept", "application/json"}})
          .status()
        == 401);
}

TEST_CASE("streams can be closed to those who are not signed in") {
  dialect_fixture f{{.anonymous_streams = false, .trusted_header = true}};
  f.publish("s");
  headers json{{"Accept", "application/json"}};
  CHECK(f.call_as("", get, "/streams/s", json).status() == 401);
  CHECK(f.call_as("bob", get, "/streams/s", json).status() == 200);
  CHECK(f.call_as("", get, "/ping").status() == 200);
}

TEST_CASE("an insecure broker treats everybody as admin") {
  dialect_fixture f{{.everybody_is_admin = true}};
  CHECK(f.call_as("", put, "/subscriptions/$s/g", json_body, "{}").status()
        == 201);
  CHECK(list_groups(f, basic(anna_wrong)) == 200);
}

TEST_CASE("the node's own login actor lets its users in") {
  dialect_fixture f{{}};
  user_row row;
  row.groups = {"$admins"};
  row.password_hash = hash_password("secret").value();
  f.w.vt
    ->ask<log_index>(f.w.broker.routes->partitions[0], user_atom_v,
                     std::string{"anna"}, row, false)
    .value();
  f.settle();
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(list_groups(f, basic(anna_wrong)) == 401);
  row.disabled = true;
  f.w.vt
    ->ask<log_index>(f.w.broker.routes->partitions[0], user_atom_v,
                     std::string{"anna"}, row, false)
    .value();
  f.access->users_changed();
  CHECK(list_groups(f, basic(anna)) == 401);
}
