// Names of streams that belong to groups, and back.
#include "actors/core/names.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

TEST_CASE("the stream of a checkpoint names its group, and nothing else does") {
  CHECK(checkpoint_stream("orders", "workers")
        == "$persistentsubscription-orders::workers-checkpoint");
  auto name_of_it = checkpoint_stream("orders", "a::b");
  auto group = checkpointed_group(name_of_it);
  REQUIRE(group.has_value());
  CHECK(group->first == "orders");
  CHECK(group->second == "a::b");
  for (auto* name : {"orders", "$persistentsubscription-orders::workers-parked",
                     "persistentsubscription-orders::workers-checkpoint",
                     "$persistentsubscription-orders-checkpoint",
                     "$persistentsubscription-orders:-checkpoint",
                     "$persistentsubscription-checkpoint", ""})
    CHECK(!checkpointed_group(name));
  CHECK(checkpointed_group("$persistentsubscription-s::-checkpoint"));
}

TEST_CASE("the streams that a group writes are told from others") {
  CHECK(belongs_to_group(parked_stream("orders", "workers")));
  CHECK(belongs_to_group(kept_stream("orders", "workers")));
  CHECK(belongs_to_group(checkpoint_stream("a::b", "workers")));
  CHECK(is_parked_stream(parked_stream("orders", "workers")));
  CHECK(!is_parked_stream(kept_stream("orders", "workers")));
  CHECK(is_kept_stream(kept_stream("orders", "workers")));
  CHECK(!is_kept_stream(parked_stream("orders", "workers")));
  for (auto* name : {"orders-parked", "$persistentsubscription-orders::workers",
                     "$persistentsubscription-orders-kept",
                     "$$$persistentsubscription-orders::workers-parked", ""})
    CHECK(!belongs_to_group(name));
}
