// A poll's answer as JSON and as Barco's binary format (barco-http.md 3.3).
#pragma once

#include "actors/core/consumer_requests.hpp"
#include "actors/core/ring.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// A partition as consumers see it. The version would count changes of its
/// leader, with offsets that begin anew; ours go on, so it is always 1.
struct partition_label {
  std::int64_t token = 0;
  std::uint8_t range = 0;
  std::uint32_t version = 1;
};

partition_label label_of(const ring& placement, partition_id p) noexcept;

/// Microseconds since 1970: as the producer said, else when it was recorded.
std::int64_t record_timestamp(const event& record) noexcept;

/// `[{"topic":…,"token":"…","rangeIndex":…,"version":…,"startOffset":"…",
/// "values":[…]}]` without white space. JSON records stand there byte for byte,
/// all others as JSON strings.
std::string poll_json(const ring& placement,
                      const std::vector<topic_chunk>& chunks);

/// The binary form: big-endian, each chunk's records as one zstd frame with a
/// checksum. At most 65,535 chunks; topics of at most 255 bytes.
std::string poll_binary(const ring& placement,
                        const std::vector<topic_chunk>& chunks);

} // namespace callboard
