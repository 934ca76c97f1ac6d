// What a settle asks for and what it is answered, as JSON.
#pragma once

#include "actors/core/group_requests.hpp"
#include "net/lean_events.hpp"
#include "net/refusal.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// The lists of items that a body may have.
inline constexpr std::size_t settle_lists = 5;

struct settle_body {
  settle_batch what; // without its group, its holder and its key
  /// How many items each list has, in their order; nothing: it is not there.
  std::array<std::optional<std::size_t>, settle_lists> lists;
  lean_embed embed = lean_embed::body;
};

/// Reads
///
///     {"ack": [ITEM, …], "skip": […], "nack": [NACK, …],
///      "extend": [EXTEND, …], "release": […],
///      "next": {"count": 20, "wait": "20s", "embed": "body"}}
///
/// in which all members are optional and none but these is taken. ITEM is an
/// event id, a lease, or `{"id": …, "lease": …}`; NACK and EXTEND are such
/// objects with `"action"`, `"delay"`, `"reason"` and `"scope"`, or with
/// `"by"`. Numbers are milliseconds, those of `wait` seconds. Order: ack, skip,
/// nack, extend, release, each as written.
accepted<settle_body> read_settle_body(std::string_view text);

/// `applied`, `stale` or `unknown`.
std::string_view to_string(settle_outcome outcome) noexcept;

/// Results in the places of the items, counts of them, and the events of
/// `next`:
/// `{"ack": ["applied", …], …, "applied": 1, "stale": 0, "unknown": 0,
///   "events": […]}`.
std::string settle_answer(const settle_body& asked,
                          const settle_batch_reply& reply);

} // namespace callboard
