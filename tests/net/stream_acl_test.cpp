// What an ACL, the defaults and the groups of a user add up to.
#include "net/stream_acl.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::stream_acl_test {

namespace {

const principal admin{"admin", {"$admins"}};
const principal ops{"ops", {"$ops"}};
const principal bob{"bob", {"readers"}};

bool may(const principal* who, access_rule rule, std::string_view stream,
         std::string_view acl = {}, std::string_view settings = {}) {
  auto asked = question_about(stream, rule);
  auto decided = decided_without_acl(who, asked);
  return decided
           ? *decided
           : allows(parse_acl(acl), parse_default_acls(settings), who, asked);
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
  CHECK(parse_acl(R"({"$r":null})") == stream_acl{});
  CHECK(parse_default_acls("") == default_acls{});
  CHECK(parse_default_acls("nonsense") == default_acls{});
  CHECK(parse_default_acls(R"({"$userStreamAcl":[]})") == default_acls{});
}

TEST_CASE("the defaults can be replaced, member by member") {
  auto settings = R"({"$userStreamAcl":{"$r":["bob","x"],"$w":[]},
                      "$systemStreamAcl":{"$r":"readers","$mr":"$all"}})";
  using enum access_rule;
  CHECK(may(&bob, read_stream, "s", {}, settings));
  CHECK_FALSE(may(&ops, read_stream, "s", {}, settings));
  CHECK_FALSE(may(nullptr, read_stream, "s", {}, settings));
  CHECK_FALSE(may(&bob, write_stream, "s", {}, settings)); // only admins
  CHECK(may(&admin, write_stream, "s", {}, settings));
  CHECK(may(nullptr, delete_stream, "s", {}, settings)); // not named
  CHECK(may(&bob, read_stream, "$s", {}, settings));
  CHECK_FALSE(may(nullptr, read_stream, "$s", {}, settings));
  CHECK_FALSE(may(&bob, write_stream, "$s", {}, settings));
  CHECK(may(nullptr, read_stream, "$$$s", {}, settings));
  // What a stream says itself comes first.
  CHECK(may(&ops, read_stream, "s", R"({"$r":"ops"})", settings));
  CHECK_FALSE(may(&bob, read_stream, "s", R"({"$r":"ops"})", settings));
  CHECK(may(&bob, read_stream, "s", R"({"$w":"ops"})", settings));
  CHECK_FALSE(may(nullptr, write_stream, "$all", {}, settings));
}

TEST_CASE("default ACLs count that are JSON as lenient readers take it") {
  auto settings = parse_default_acls("{'$userStreamAcl':{'$r':'ops'},}");
  CHECK(settings.user.rights[0] == stream_acl::roles{"ops"});
}

TEST_CASE("an event of $settings that is to say defaults says them, or is "
          "refused by the member's name") {
  auto refused = [](std::string data, std::string type = "update-default-acl",
                    std::string_view stream = settings_stream) {
    new_event e;
    e.type = std::move(type);
    e.data = std::move(data);
    auto ok = check_settings(stream, e);
    return ok ? std::string{} : ok.error().text;
  };
  CHECK(refused(R"({"$userStreamAcl":{"$r":"a","$w":["b"],"$d":[]}})") == "");
  CHECK(refused(R"({"$systemStreamAcl":{}})") == "");
  CHECK(refused("{}") == "");
  CHECK(refused(R"({"$userStreamAcl":"oops"})")
        == R"($userStreamAcl is "oops"; allowed: an object of $r, $w, $d, $mr )"
           "and $mw.");
  CHECK(refused(R"({"$systemStreamAcl":{"$mw":["a",5]}})", "settings")
        == R"($mw of $systemStreamAcl is ["a",5]; allowed: a login or group, )"
           "or an array of them.");
  CHECK(refused("oops").find("a JSON object") != std::string::npos);
  CHECK(refused(std::string(65, '[')).find("nested") != std::string::npos);
  CHECK(refused(std::string(document_bytes_max + 1, ' ')).find("bytes")
        != std::string::npos);
  CHECK(refused("oops", "note") == "");
  CHECK(refused("oops", "settings", "s") == "");
}

TEST_CASE("operators read what is said of scavenges, and no more") {
  using enum access_rule;
  CHECK(may(&ops, read_stream, "$scavenges"));
  CHECK(may(&ops, read_stream, "$scavenges-1"));
  CHECK_FALSE(may(&bob, read_stream, "$scavenges"));
  CHECK_FALSE(may(&ops, write_stream, "$scavenges"));
  CHECK_FALSE(may(&ops, read_stream, "$scavengesx"));
  CHECK_FALSE(may(&ops, read_stream, "$scavenges", R"({"$r":[]})"));
}

} // namespace callboard::test::stream_acl_test
