// TEMPORARY
#pragma once
#include "actors/core/ring.hpp"

#include <string>

namespace callboard {
inline std::string topic_stream(const ring& placement, std::string_view topic,
                                partition_id p) {
  std::string out{topic};
  if (placement.home_of(topic) != p)
    out.append("@").append(std::to_string(p.value));
  return out;
}
} // namespace callboard
