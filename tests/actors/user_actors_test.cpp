// Users in partition 0, and the actor that knows passwords.
#include "actors/core/limits.hpp"
#include "actors/login_actor.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::user_actors_test {

namespace {

user_outcome decided(world& w, const user_command& what) {
  return w.vt
    ->ask<user_reply>(w.broker.routes->partitions[0], user_atom_v, what)
    ->outcome;
}

user_command make_anna(std::string hash) {
  user_command out{.verb = user_verb::create, .login = "anna"};
  out.full_name = "Anna";
  out.groups = std::vector<std::string>{"x"};
  out.password.hash = std::move(hash);
  return out;
}

login_outcome log_in(world& w, login_request what) {
  return w.vt->ask<login_reply>(w.broker.login, login_atom_v, what)->what;
}

password_proof prepare(world& w, password_request what) {
  return w.vt->ask<password_proof>(w.broker.login, hash_atom_v, what).value();
}

user_infos told(world& w, const std::string& login) {
  return w.vt
    ->ask<user_infos>(w.broker.routes->partitions[0], users_atom_v, login)
    .value();
}

} // namespace

TEST_CASE("users survive a crash") {
  world w;
  CHECK(decided(w, make_anna("hash")) == user_outcome::done);
  w.crash();
  REQUIRE(told(w, "anna").size() == 1);
  CHECK(told(w, "anna")[0].full_name == "Anna");
  CHECK(told(w, "anna")[0].groups == std::vector<std::string>{"x"});
  CHECK(told(w, "bob").empty());
  CHECK(told(w, "").size() == 1);
  auto other = make_anna("hash");
  other.full_name = "Other";
  CHECK(decided(w, other) == user_outcome::conflict);
}

TEST_CASE("a change of users that was lost was never decided") {
  world w;
  w.log->at_once = false;
  {
    caf::scoped_actor lost{w.vt->sys};
    lost->send(w.broker.routes->partitions[0], user_atom_v, make_anna("hash"));
    w.vt->run();
    CHECK(lost->mailbox().empty()); // not before it is on disk
    CHECK(told(w, "anna").empty());
    w.log->fail(errc::storage_failed);
    w.vt->run();
    CHECK(lost->mailbox().size() == 1);
  }
  w.log->at_once = true;
  CHECK(decided(w, make_anna("another")) == user_outcome::done);
  CHECK(w.node->db->user("anna").value()->password_hash == "another");
}

TEST_CASE("a full log refuses changes of users by name") {
  world w;
  w.log->refuses = errc::storage_full;
  CHECK(w.vt
          ->ask<user_reply>(w.broker.routes->partitions[0], user_atom_v,
                            make_anna("hash"))
          .error()
        == errc::storage_full);
}

TEST_CASE("a login is granted, refused, and throttled when it failed often") {
  world w;
  decided(w, make_anna(hash_password("secret").value()));
  login_request right{"anna", "secret", "10.0.0.1"};
  login_request wrong{"anna", "wrong", "10.0.0.1"};
  CHECK(log_in(w, right) == login_outcome::granted);
  for (std::uint64_t i = 0; i < limits::login_failures_max; ++i)
    CHECK(log_in(w, wrong) == login_outcome::refused);
  CHECK(log_in(w, wrong) == login_outcome::throttled);
  CHECK(log_in(w, right) == login_outcome::throttled);
  right.known_good = true;
  CHECK(log_in(w, right) == login_outcome::granted);
  CHECK(log_in(w, {"bob", "secret", "10.0.0.1"}) == login_outcome::refused);
  CHECK(log_in(w, {"", "secret", "10.0.0.1"}) == login_outcome::refused);
  CHECK(log_in(w, {std::string(600, 'x'), "secret", "10.0.0.1"})
        == login_outcome::refused);
  w.vt->advance(limits::login_failure_forgotten);
  CHECK(log_in(w, wrong) == login_outcome::refused);
  CHECK(log_in(w, wrong) == login_outcome::throttled);
}

TEST_CASE("passwords are hashed and compared as the command needs it") {
  world w;
  using enum user_verb;
  auto fresh = prepare(w, {create, "anna", "", "secret"});
  CHECK(fresh.compared_with.empty());
  CHECK_FALSE(fresh.hash.empty());
  CHECK(decided(w, make_anna(fresh.hash)) == user_outcome::done);
  auto again = prepare(w, {create, "anna", "", "secret"});
  CHECK(again.compared_with == fresh.hash);
  CHECK(again.matches);
  CHECK(again.hash.empty()); // nothing would be written
  CHECK_FALSE(prepare(w, {create, "anna", "", "other"}).matches);
  auto changed = prepare(w, {change_password, "anna", "secret", "next"});
  CHECK(changed.matches);
  CHECK_FALSE(changed.hash.empty());
  auto wrong = prepare(w, {change_password, "anna", "other", "next"});
  CHECK_FALSE(wrong.matches);
  CHECK(wrong.hash.empty());
  CHECK_FALSE(prepare(w, {reset_password, "anna", "", "next"}).hash.empty());
  CHECK(prepare(w, {reset_password, "bob", "", "next"}).hash.empty());
  CHECK(prepare(w, {change_password, "bob", "x", "next"}).hash.empty());
}

} // namespace callboard::test::user_actors_test
