// A version, the values, a checksum; written whole into a spare file first.
#include "actors/replication/member_file.hpp"

#include "actors/core/bytes.hpp"
#include "persistence/blocks.hpp"
#include "persistence/whole_file.hpp"

#include <cstring>
#include <string>

namespace callboard {

namespace {

constexpr std::uint8_t format_version = 1;

} // namespace

result<std::optional<member_state>>
load_member(const std::filesystem::path& file) {
  auto bytes = read_whole(file);
  if (!bytes)
    return bytes.error();
  if (!*bytes)
    return std::optional<member_state>{};
  std::string_view text{**bytes};
  std::uint32_t sum = 0;
  if (text.size() < 1 + sizeof sum)
    return errc::corrupt;
  auto covered = text.substr(0, text.size() - sizeof sum);
  std::memcpy(&sum, text.data() + covered.size(), sizeof sum);
  if (sum != checksum(covered, 0))
    return errc::corrupt;
  byte_reader in{covered};
  if (in.byte() != format_version)
    return errc::unknown_format;
  member_state out;
  out.self = in.varint();
  out.recovering = in.byte() != 0;
  out.starts = in.varint();
  out.vote.term = in.varint();
  out.vote.vote = in.varint();
  out.base.index = in.varint();
  out.base.term = in.varint();
  out.base.configuration_index = in.varint();
  out.base.configuration = in.text();
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return out;
}

result<void> save_member(const std::filesystem::path& file,
                         const member_state& state) {
  std::string text;
  byte_writer out{text};
  out.byte(format_version);
  out.varint(state.self);
  out.byte(state.recovering ? 1 : 0);
  out.varint(state.starts);
  out.varint(state.vote.term);
  out.varint(state.vote.vote);
  out.varint(state.base.index);
  out.varint(state.base.term);
  out.varint(state.base.configuration_index);
  out.text(state.base.configuration);
  auto sum = checksum(text, 0);
  text.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return rewrite_whole(file, text);
}

} // namespace callboard
