// Who may be made, changed and removed, and who may not.
#include "actors/core/limits.hpp"
#include "actors/core/user_accounts.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

namespace {

constexpr wall_time now{7'000};
using verb = user_verb;

user_row row(std::vector<std::string> groups, std::string hash = "h1") {
  return {"Somebody", std::move(groups), std::move(hash), false, {1}};
}

/// An admin `root`, and `anna` without rights.
user_accounts two_users() {
  user_accounts out;
  out.load("root", row({"$admins"}));
  out.load("anna", row({"x"}));
  return out;
}

user_command make(std::string login, password_proof password = {.hash = "h"}) {
  user_command out{.verb = verb::create, .login = std::move(login)};
  out.full_name = "Somebody";
  out.groups = std::vector<std::string>{"x"};
  out.password = std::move(password);
  return out;
}

user_command act(verb what, std::string login, password_proof password = {}) {
  return {what, std::move(login), {}, {}, std::move(password)};
}

user_outcome outcome(user_accounts& accounts, const user_command& what) {
  return accounts.decide(what, now).reply.outcome;
}

/// The row that a decision writes.
user_row written(const user_accounts::decision& decided) {
  REQUIRE(decided.reply.outcome == user_outcome::done);
  REQUIRE(decided.what.changes.size() == 1);
  return std::get<put_user>(decided.what.changes[0]).row;
}

} // namespace

TEST_CASE("of two who make the same user one succeeds") {
  user_accounts accounts;
  auto first = accounts.decide(make("bob"), now);
  CHECK(written(first) == user_row{"Somebody", {"x"}, "h", false, now});
  // Both found nobody, and hashed; the second must look again.
  CHECK(outcome(accounts, make("bob", {.hash = "other"}))
        == user_outcome::try_again);
  CHECK(outcome(accounts, make("Bob")) == user_outcome::done);
}

TEST_CASE("a repeated create succeeds, with the same details and password") {
  auto accounts = two_users();
  auto again = accounts.decide(
    make("anna", {.compared_with = "h1", .matches = true}), now);
  CHECK(again.reply.outcome == user_outcome::done);
  CHECK(again.what.empty());
  CHECK(outcome(accounts, make("anna", {.compared_with = "h1"}))
        == user_outcome::conflict);
  auto other = make("anna", {.compared_with = "h1", .matches = true});
  other.full_name = "Somebody else";
  CHECK(outcome(accounts, other) == user_outcome::conflict);
  other = make("anna", {.compared_with = "h1", .matches = true});
  other.groups = std::vector<std::string>{"y"};
  CHECK(outcome(accounts, other) == user_outcome::conflict);
}

TEST_CASE("a create that found a user who is gone by now tries again") {
  user_accounts accounts;
  CHECK(
    outcome(accounts, make("anna", {.compared_with = "h1", .matches = true}))
    == user_outcome::try_again);
}

TEST_CASE("an update changes what is given, and keeps the rest") {
  auto accounts = two_users();
  auto what = act(verb::update, "anna");
  what.full_name = "Anna B";
  CHECK(written(accounts.decide(what, now))
        == user_row{"Anna B", {"x"}, "h1", false, now});
  what = act(verb::update, "anna");
  what.groups = std::vector<std::string>{"y", "z"};
  CHECK(written(accounts.decide(what, now))
        == user_row{"Anna B", {"y", "z"}, "h1", false, now});
  CHECK(accounts.decide(what, now).what.empty()); // nothing new
}

TEST_CASE("users are disabled, enabled and removed") {
  auto accounts = two_users();
  CHECK(written(accounts.decide(act(verb::disable, "anna"), now)).disabled);
  CHECK(accounts.decide(act(verb::disable, "anna"), now).what.empty());
  CHECK_FALSE(
    written(accounts.decide(act(verb::enable, "anna"), now)).disabled);
  auto gone = accounts.decide(act(verb::remove, "anna"), now);
  CHECK(std::get<erase_user>(gone.what.changes.at(0)).login == "anna");
  for (auto what : {verb::update, verb::remove, verb::enable, verb::disable,
                    verb::reset_password, verb::change_password})
    CHECK(outcome(accounts, act(what, "anna", {.hash = "h"}))
          == user_outcome::not_found);
}

TEST_CASE("a password is changed with the current one, reset without") {
  auto accounts = two_users();
  CHECK(outcome(accounts, act(verb::change_password, "anna",
                              {.compared_with = "h1", .hash = "h2"}))
        == user_outcome::wrong_password);
  auto right = act(
    verb::change_password, "anna",
    {.compared_with = "h1", .matches = true, .throttled = false, .hash = "h2"});
  CHECK(written(accounts.decide(right, now)).password_hash == "h2");
  // The same once more: it was compared with what is not stored any more.
  CHECK(outcome(accounts, right) == user_outcome::try_again);
  CHECK(written(accounts.decide(
                  act(verb::reset_password, "anna", {.hash = "h3"}), now))
          .password_hash
        == "h3");
  CHECK(outcome(accounts, act(verb::reset_password, "anna"))
        == user_outcome::try_again); // it was not there a moment ago
}

TEST_CASE("somebody enabled stays in $admins") {
  auto accounts = two_users();
  auto demote = act(verb::update, "root");
  demote.groups = std::vector<std::string>{"x"};
  for (auto& what :
       {act(verb::remove, "root"), act(verb::disable, "root"), demote})
    CHECK(outcome(accounts, what) == user_outcome::last_admin);
  // A disabled admin is none.
  auto second = row({"x", "$admins"});
  second.disabled = true;
  accounts.load("second", second);
  CHECK(outcome(accounts, act(verb::remove, "root"))
        == user_outcome::last_admin);
  CHECK(outcome(accounts, act(verb::enable, "second")) == user_outcome::done);
  CHECK(outcome(accounts, act(verb::disable, "root")) == user_outcome::done);
  CHECK(outcome(accounts, act(verb::disable, "second"))
        == user_outcome::last_admin);
  CHECK(outcome(accounts, act(verb::remove, "root")) == user_outcome::done);
}

TEST_CASE("there are as many users as there may be, and no more") {
  user_accounts accounts;
  for (std::size_t i = 0; i < limits::users_max; ++i)
    accounts.load(std::to_string(i), row({}));
  CHECK(outcome(accounts, make("one more")) == user_outcome::too_many);
  CHECK(outcome(accounts, act(verb::remove, "5")) == user_outcome::done);
  CHECK(outcome(accounts, make("one more")) == user_outcome::done);
}
