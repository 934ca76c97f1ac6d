// A group whose events get parked.
#pragma once

#include "tests/support/world.hpp"

#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

/// The group `workers` on the stream `orders`. The event with number n there
/// has the id `id(n)`.
struct parked_group : world {
  explicit parked_group(std::uint64_t seed = 0) : world(seed) {
    create("orders", "workers").value();
  }

  /// Publishes so many, and parks them.
  void park(std::size_t events, const std::string& reason) {
    auto first = next_id;
    publish("orders", events).value();
    try_fetch("orders", "workers", events).value().value();
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < events; ++i)
      all.push_back(first + i);
    park_delivered(all, reason);
  }

  void park_delivered(const std::vector<std::uint64_t>& numbers,
                      const std::string& reason) {
    settle_request what{
      {"orders", "workers"}, settle_action::park, {}, {}, reason};
    for (auto n : numbers)
      what.ids.push_back(id(n));
    // What comes out of the parked stream is settled by the id of its link.
    for (auto& [link, n] : links)
      for (auto m : numbers)
        if (m == n)
          what.ids.push_back(link);
    vt->ask<settle_reply>(partition_of("orders"), settle_atom_v, what).value();
    vt->advance(std::chrono::milliseconds{1}); // and it is told
  }

  /// Numbers in `orders`, with attempts; also of what is replayed.
  pairs next(std::size_t count) {
    pairs out;
    auto batch = try_fetch("orders", "workers", count).value().value();
    for (auto& one : batch->events) {
      out.emplace_back(one.what.resolved->number.value, one.attempt);
      if (one.from == lane::replay)
        links.emplace_back(one.what.original->id, out.back().first);
    }
    return out;
  }

  /// Settles what `next` delivered.
  void ack(std::uint64_t number) {
    std::vector<uuid> ids{id(number)};
    for (auto& [link, n] : links)
      if (n == number)
        ids.push_back(link);
    settle("orders", "workers", settle_action::ack, ids).value();
  }

  parked_page_ptr list(parked_filter filter,
                       std::optional<event_number> after = {},
                       std::size_t count = 100) {
    return vt
      ->ask<parked_page_ptr>(
        partition_of("orders"), parked_atom_v,
        parked_query{{"orders", "workers"}, std::move(filter), after, count})
      .value();
  }

  result<parked_reply> change(parked_command what) {
    what.key = {"orders", "workers"};
    return vt->ask<parked_reply>(partition_of("orders"), parked_atom_v,
                                 std::move(what));
  }

  group_info now_info() { return info("orders", "workers"); }

  std::vector<std::pair<uuid, std::uint64_t>> links; // delivered by a replay
};

} // namespace callboard::test
