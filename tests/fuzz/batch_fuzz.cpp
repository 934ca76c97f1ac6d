// Bodies of publishes and metadata.
#include "actors/core/limits.hpp"
#include "net/eventstore_batch.hpp"
#include "net/stream_policy.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view body{reinterpret_cast<const char*>(data), size};
  if (auto events = parse_batch(body))
    for (auto& e : *events)
      if (!check_event(e) || e.id.is_zero())
        __builtin_trap(); // what is accepted can be stored
  new_event metadata;
  metadata.data = body;
  metadata.is_json = true;
  [[maybe_unused]] auto policy = parse_stream_policy(metadata);
  return 0;
}
