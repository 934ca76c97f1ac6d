// Credentials: who is checked, remembered, put off.
#include "actors/core/limits.hpp"
#include "actors/login_actor.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::login_test {

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
      return {
        [this](login_atom, const login_request& who) { return answer(who); },
        [](hash_atom, const password_request&) { return password_proof{}; }};
    });
  }

  login_reply answer(const login_request& who) {
    ++checks;
    last = who;
    if (throttling && !who.known_good)
      return {login_outcome::throttled, {}};
    if (who.login == "anna" && who.password == "secret" && !disabled)
      return {login_outcome::granted, {"anna", {"$ops"}}};
    return {login_outcome::refused, {}};
  }

  std::function<login_actor(caf::actor_system&)> spawner() {
    return [this](caf::actor_system& sys) { return spawn(sys); };
  }

  int checks = 0;
  login_request last;
  bool disabled = false;
  bool throttling = false;
  std::chrono::steady_clock::time_point now{};
};

unsigned list_groups(dialect_fixture& f, const headers& who) {
  return f.call_as("", get, "/subscriptions", who).status();
}

} // namespace

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

TEST_CASE("who has no credentials is nobody: several headers, no colon") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  auto ping_and_list = [&](const headers& who) {
    return std::pair{f.call_as("", get, "/ping", who).status(),
                     list_groups(f, who)};
  };
  std::pair anonymous{200U, 401U};
  CHECK(ping_and_list({{"Authorization", "Basic " + anna},
                       {"Authorization", "Basic " + anna}})
        == anonymous);
  CHECK(ping_and_list(basic("YW5uYQ==")) == anonymous); // anna
  CHECK(ping_and_list({{"Authorization", "basic " + anna}}) == anonymous);
  CHECK(desk.checks == 0);
}

TEST_CASE("who is throttled gets 429, and nothing of it is remembered") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  desk.throttling = true;
  auto put_off = f.call_as("", get, "/ping", basic(anna));
  CHECK(put_off.status() == 429);
  CHECK(put_off.header("Retry-After") == "5");
  CHECK(put_off.header("WWW-Authenticate").empty());
  desk.throttling = false;
  CHECK(list_groups(f, basic(anna)) == 200);
}

TEST_CASE("who logged in before is not throttled for what others do") {
  login_desk desk;
  dialect_fixture f{desk.options(), desk.spawner()};
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK_FALSE(desk.last.known_good);
  desk.throttling = true;
  desk.now += 61s;
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(desk.last.known_good);
  f.access->users_changed();
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(list_groups(f, basic(anna_wrong)) == 429);
  // Once it was wrong it is like any other.
  desk.disabled = true;
  f.access->users_changed();
  CHECK(list_groups(f, basic(anna)) == 401);
  desk.now += 2s;
  CHECK(list_groups(f, basic(anna)) == 429);
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
  CHECK(list_groups(f, basic(anna)) == 200);
  desk.now += 61s; // to be checked again
  desk.checks = 0;
  std::vector<std::uint64_t> asked;
  const std::string digits = "ABCDEFGHIJ";
  for (int i = 0; i < 70; ++i) // YW5uYTp4AA==: anna:x and a byte that counts up
    asked.push_back(
      f.begin_quietly(get, "/ping",
                      basic(std::string{"YW5uYTp"} + digits[std::size_t(i / 10)]
                            + digits[std::size_t(i % 10)] + "AA=")));
  auto known = f.begin_quietly(get, "/subscriptions", basic(anna));
  f.settle();
  auto put_off = std::count_if(asked.begin(), asked.end(), [&](auto one) {
    auto got = f.answer_to(one);
    return got->status() == 503 && got->header("Retry-After") == "1";
  });
  CHECK(put_off == 70 - 64);
  CHECK(desk.checks == 64);
  CHECK(f.answer_to(known)->status() == 200);
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

TEST_CASE("a login counts before the trusted header, and a wrong one too") {
  login_desk desk;
  dialect_fixture f{desk.options(true), desk.spawner()};
  auto create_as = [&](const std::string& trusted, const headers& who) {
    return f.call_as(trusted, put, "/subscriptions/s/g", who, "{}").status();
  };
  CHECK(create_as("bob; $admins", basic(anna_wrong)) == 401);
  CHECK(create_as("bob; $admins", basic("%%%")) == 401);
  CHECK(create_as("bob; readers", basic(anna)) == 201); // anna is in $ops
  CHECK(f.call_as("bob", get, "/subscriptions", {{"Authorization", "Bearer x"}})
          .status()
        == 200); // no login
}

namespace {

/// Makes the user anna, with the password `secret`.
void make_anna(dialect_fixture& f) {
  user_command what{.login = "anna"};
  what.groups = std::vector<std::string>{"$admins"};
  what.password.hash = hash_password("secret").value();
  f.w.vt->ask<user_reply>(f.w.broker.routes->partitions[0], user_atom_v, what)
    .value();
  f.settle();
}

} // namespace

TEST_CASE("the node's own login actor lets its users in") {
  dialect_fixture f{access_options{}};
  make_anna(f);
  CHECK(list_groups(f, basic(anna)) == 200);
  CHECK(list_groups(f, basic(anna_wrong)) == 401);
  CHECK(list_groups(f, basic("Ym9iOnNlY3JldA==")) == 401); // bob:secret
}

TEST_CASE("guessing is slowed down by user, and who is in stays in") {
  auto now = std::chrono::steady_clock::time_point{};
  dialect_fixture f{access_options{.now = [&now] { return now; }}};
  make_anna(f);
  CHECK(list_groups(f, basic(anna)) == 200);
  for (std::uint64_t i = 0; i < limits::login_failures_max; ++i) {
    CHECK(list_groups(f, basic(anna_wrong)) == 401);
    now += 2s; // else this thread remembers
  }
  CHECK(list_groups(f, basic(anna_wrong)) == 429);
  now += 2min;
  CHECK(list_groups(f, basic(anna)) == 200);
  f.advance(limits::login_failure_forgotten);
  CHECK(list_groups(f, basic(anna_wrong)) == 401);
  now += 2s;
  CHECK(list_groups(f, basic(anna_wrong)) == 429);
}

} // namespace callboard::test::login_test
