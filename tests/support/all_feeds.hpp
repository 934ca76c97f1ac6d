// Reads of all events through their routes, and what their feeds say.
#pragma once

#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace callboard::test {

inline const std::string atom = "application/vnd.eventstore.atom+json";
inline const std::string batch = "application/vnd.eventstore.events+json";
inline const std::string zero(32, '0');
inline const std::string all = "/streams/$all";

/// A read of all events waits until the millisecond of the last one is over.
inline seen_answer read_as(dialect_fixture& f, const std::string& user,
                           const std::string& target, headers more = {}) {
  more.emplace_back("Accept", atom);
  auto number = f.begin_as(user, http_verb::get, target, more);
  f.advance(std::chrono::milliseconds{2});
  return f.answer_to(number).value();
}

inline seen_answer read(dialect_fixture& f, const std::string& target,
                        headers more = {}) {
  return read_as(f, "admin; $admins", target, std::move(more));
}

inline std::vector<std::string> titles(const seen_answer& page) {
  std::vector<std::string> out;
  auto feed = page.json();
  for (auto& entry : feed["entries"])
    out.push_back(entry["title"]);
  return out;
}

inline std::ptrdiff_t of_stream(const std::vector<std::string>& some,
                                const std::string& stream) {
  return std::count_if(some.begin(), some.end(), [&](auto& title) {
    return title.ends_with("@" + stream);
  });
}

inline std::string link(const nlohmann::json& feed,
                        const std::string& relation) {
  for (auto& one : feed["links"])
    if (one["relation"] == relation)
      return one["uri"];
  return {};
}

/// The path of a link.
inline std::string path(const nlohmann::json& feed,
                        const std::string& relation) {
  auto uri = link(feed, relation);
  return uri.empty() ? uri : uri.substr(std::string{"http://h:2113"}.size());
}

inline std::string event_of(std::uint64_t id, const std::string& type,
                            const std::string& data) {
  return R"({"eventId":")" + to_string(world::id(id)) + R"(","eventType":")"
         + type + R"(","data":)" + data + "}";
}

inline void post_batch(dialect_fixture& f, const std::string& stream,
                       const std::string& events) {
  auto done =
    f.post("/streams/" + stream, {{"Content-Type", batch}}, "[" + events + "]");
  REQUIRE(done.status() == 201);
}

} // namespace callboard::test
