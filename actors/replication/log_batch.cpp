// Varints, and bodies with their length in front.
#include "actors/replication/log_batch.hpp"

#include "actors/core/bytes.hpp"

namespace callboard {

namespace {

constexpr std::uint8_t format_version = 1;

} // namespace

std::string encode_batch(std::span<const journal_entry> entries) {
  std::size_t bytes = 1;
  for (auto& entry : entries)
    bytes += entry.body.size() + 20;
  std::string text;
  text.reserve(bytes);
  byte_writer out{text};
  out.byte(format_version);
  for (auto& entry : entries) {
    out.varint(entry.partition.value);
    out.varint(entry.index.value);
    out.text(entry.body);
  }
  return text;
}

result<std::vector<batch_entry>> decode_batch(std::string_view bytes) {
  byte_reader in{bytes};
  if (in.byte() != format_version)
    return in.good() ? errc::unknown_format : errc::corrupt;
  std::vector<batch_entry> out;
  while (in.good() && !in.at_end()) {
    partition_id partition{in.varint()};
    log_index index{in.varint()};
    out.push_back({partition, index, in.text()});
  }
  if (!in.good())
    return errc::corrupt;
  return out;
}

} // namespace callboard
