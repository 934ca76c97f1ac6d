// Who reads what: the rule of barco-http.md 3.8, for each topic alone.
#include "actors/core/assignment.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace callboard;

namespace {

using topics = std::vector<std::string>;

std::vector<std::uint64_t> numbers(const std::vector<topic_slice>& slices) {
  std::vector<std::uint64_t> out;
  for (auto& one : slices)
    out.push_back(one.partition.value);
  return out;
}

} // namespace

TEST_CASE("partitions are dealt round robin in order of the names") {
  topics t{"t"};
  auto two = assign({{"c2", &t}, {"c1", &t}}, 4);
  CHECK(numbers(two[1]) == std::vector<std::uint64_t>{0, 2});
  CHECK(numbers(two[0]) == std::vector<std::uint64_t>{1, 3});
}

TEST_CASE("members beyond the number of partitions are idle") {
  topics t{"t"};
  auto five =
    assign({{"a", &t}, {"b", &t}, {"c", &t}, {"d", &t}, {"e", &t}}, 4);
  for (std::size_t m = 0; m < 4; ++m)
    CHECK(numbers(five[m]) == std::vector<std::uint64_t>{m});
  CHECK(five[4].empty());
}

TEST_CASE("75: one member owns all partitions of six brokers") {
  topics t{"t"};
  CHECK(assign({{"a", &t}}, 24)[0].size() == 24);
}

TEST_CASE("a member gets only topics that it named") {
  topics both{"x", "y"};
  topics one{"y"};
  auto dealt = assign({{"a", &both}, {"b", &one}}, 4);
  CHECK(std::count_if(dealt[0].begin(), dealt[0].end(),
                      [](auto& s) { return s.topic == "x"; })
        == 4);
  CHECK(std::all_of(dealt[1].begin(), dealt[1].end(),
                    [](auto& s) { return s.topic == "y"; }));
  CHECK(numbers(dealt[1]) == std::vector<std::uint64_t>{1, 3});
}

TEST_CASE("every slice has one owner, whatever the order of the members") {
  std::mt19937 random{7};
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<std::string, topics>> people;
    for (auto n = random() % 8 + 1; n > 0; --n) {
      topics named;
      for (auto* topic : {"x", "y", "z"})
        if (random() % 2 == 0)
          named.emplace_back(topic);
      people.emplace_back("c" + std::to_string(n), std::move(named));
    }
    auto partitions = random() % 12 + 1;
    auto deal = [&] {
      std::vector<group_consumer> members;
      for (auto& [name, named] : people)
        members.push_back({name, &named});
      std::map<topic_slice, std::string> owner;
      auto dealt = assign(members, partitions);
      for (std::size_t m = 0; m < dealt.size(); ++m)
        for (auto& slice : dealt[m]) {
          CHECK(owner.emplace(slice, members[m].name).second);
          auto& named = people[m].second;
          CHECK(std::find(named.begin(), named.end(), slice.topic)
                != named.end());
        }
      return owner;
    };
    auto before = deal();
    std::size_t topics_read = 0;
    for (auto* topic : {"x", "y", "z"})
      topics_read += std::any_of(people.begin(), people.end(), [&](auto& one) {
        return std::find(one.second.begin(), one.second.end(), topic)
               != one.second.end();
      });
    CHECK(before.size() == topics_read * partitions);
    std::shuffle(people.begin(), people.end(), random);
    CHECK(deal() == before);
  }
}
