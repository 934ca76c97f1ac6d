// One header, one checksum.
#include "net/cluster_frames.hpp"

#include "net/little_endian.hpp"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

constexpr std::size_t checked_bytes = cluster_frame_header_bytes - 4;

/// Of what a header says and of its body.
std::uint32_t checksum(std::string_view header, std::string_view body,
                       std::uint64_t seed) {
  auto of_header = XXH3_64bits_withSeed(header.data(), checked_bytes, seed);
  return std::uint32_t(
    XXH3_64bits_withSeed(body.data(), body.size(), of_header));
}

} // namespace

std::array<char, cluster_frame_header_bytes>
cluster_frame_header(std::uint8_t kind, std::uint64_t sequence,
                     std::string_view body, std::uint64_t seed) {
  std::array<char, cluster_frame_header_bytes> out{};
  auto* at = put_little_endian(out.data(), body.size(), 4);
  at = put_little_endian(at, kind, 1);
  at = put_little_endian(at, sequence, 8);
  put_little_endian(at, checksum({out.data(), out.size()}, body, seed), 4);
  return out;
}

std::string_view describe(cluster_frame_error error) {
  switch (error) {
    case cluster_frame_error::none: return "no error";
    case cluster_frame_error::too_long: return "a frame is too long";
    case cluster_frame_error::sequence:
      return "a frame is missing or came twice";
    case cluster_frame_error::checksum: return "a frame's checksum is wrong";
  }
  return "unknown error";
}

std::optional<cluster_frame>
cluster_frame_reader::next(std::string_view& input) {
  if (error_ == cluster_frame_error::none
      && header_bytes_ < cluster_frame_header_bytes)
    take_header(input);
  if (error_ != cluster_frame_error::none
      || header_bytes_ < cluster_frame_header_bytes)
    return std::nullopt;
  take_body(input);
  if (body_.size() < length_)
    return std::nullopt;
  std::string_view header{header_.data(), header_.size()};
  if (little_endian(header.substr(checked_bytes))
      != checksum(header, body_, seed_)) {
    error_ = cluster_frame_error::checksum;
    return std::nullopt;
  }
  ++sequence_;
  header_bytes_ = 0;
  return cluster_frame{static_cast<std::uint8_t>(header[4]),
                       std::exchange(body_, {})};
}

void cluster_frame_reader::take_header(std::string_view& input) {
  auto bytes = std::min(input.size(), header_.size() - header_bytes_);
  std::copy_n(input.data(), bytes, header_.data() + header_bytes_);
  input.remove_prefix(bytes);
  header_bytes_ += bytes;
  if (header_bytes_ < header_.size())
    return;
  std::string_view header{header_.data(), header_.size()};
  length_ = std::size_t(little_endian(header.substr(0, 4)));
  if (length_ > body_bytes_max_)
    error_ = cluster_frame_error::too_long;
  else if (little_endian(header.substr(5, 8)) != sequence_ + 1)
    error_ = cluster_frame_error::sequence;
}

void cluster_frame_reader::take_body(std::string_view& input) {
  auto fresh = input.substr(0, length_ - body_.size());
  if (auto size = body_.size() + fresh.size(); size > body_.capacity())
    body_.reserve(std::min(length_, std::max(size, 2 * body_.capacity())));
  body_.append(fresh);
  input.remove_prefix(fresh.size());
}

} // namespace callboard
