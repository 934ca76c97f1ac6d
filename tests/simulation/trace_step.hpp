// One line of what became of an event.
#pragma once

#include "actors/core/record.hpp"

#include <cstdint>
#include <string>

namespace callboard::test {

/// How a lease of an event ended.
struct trace_step {
  lease_id lease;
  std::uint32_t attempt = 0;
  std::uint32_t extensions = 0;
  lease_outcome outcome = lease_outcome::acked;
  std::uint64_t delay_ms = 0;
  std::string words;
  std::string holder;

  std::string text() const {
    static constexpr const char* outcomes[] = {
      "acked",  "skipped",  "retried",  "expired",
      "parked", "released", "discarded"};
    return "lease " + std::to_string(lease.value) + " of '" + holder
           + "', attempt " + std::to_string(attempt) + ", "
           + std::to_string(extensions)
           + " extensions: " + outcomes[std::size_t(outcome)] + ", delay "
           + std::to_string(delay_ms) + ", '" + words + "'";
  }
};

} // namespace callboard::test
