// Ranges of rows of which memory has many, some of them erased.
#include "persistence/store.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;

TEST_CASE("a short range is found whatever memory and LMDB have") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    temporary_folder folder;
    auto db =
      store::open(
        {.folder = folder.path, .partitions = 1, .flush_in_background = false})
        .value();
    std::map<std::pair<std::uint64_t, std::uint64_t>, delayed_message> model;
    for (std::uint64_t index = 1; index <= 60; ++index) {
      record what;
      what.at = {index};
      for (int i = 0; i < 40; ++i) {
        delayed_message one{{1 + random() % 300},
                            {1 + random() % 3},
                            delayed_kind::publish,
                            "s",
                            {},
                            index};
        if (random() % 3 == 0) {
          what.changes.emplace_back(erase_delayed{one.due, one.id});
          model.erase({one.due.value, one.id.value});
        } else {
          what.changes.emplace_back(put_delayed{one});
          model[{one.due.value, one.id.value}] = one;
        }
      }
      db->apply({0}, {index}, what, 100);
      if (random() % 20 == 0)
        REQUIRE(db->flush().has_value());
      wall_time due{random() % 4};
      delayed_id id{random() % 300};
      wall_time until{random() % 4};
      auto count = 1 + random() % 400;
      std::vector<delayed_message> wanted;
      for (auto at = model.upper_bound({due.value, id.value});
           at != model.end() && at->first.first <= until.value
           && wanted.size() < count;
           ++at)
        wanted.push_back(at->second);
      CHECK(db->delayed({0}, due, id, until, count).value() == wanted);
    }
  }
}
