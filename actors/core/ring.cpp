// Murmur3 and the cuts of the ring.
#include "actors/core/ring.hpp"

#include "actors/core/names.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace callboard {

namespace {

constexpr std::uint64_t c1 = 0x87c37b91114253d5U;
constexpr std::uint64_t c2 = 0x4cf5ad432745937fU;

std::uint64_t mix(std::uint64_t k) noexcept {
  k ^= k >> 33;
  k *= 0xff51afd7ed558ccdU;
  k ^= k >> 33;
  k *= 0xc4ceb9fe1a85ec53U;
  return k ^ (k >> 33);
}

std::uint64_t word(const char* at) noexcept {
  std::uint64_t out = 0;
  std::memcpy(&out, at, 8); // little-endian machines only, as LMDB's files are
  return out;
}

std::uint64_t sign_extended(char c) noexcept {
  return std::uint64_t(std::int64_t(static_cast<signed char>(c)));
}

constexpr std::size_t ranges_of_token = 4;

std::uint64_t token_width(std::size_t brokers) noexcept {
  constexpr std::uint64_t unit = 1501199875790165U; // floor((2^64-1) / 12288)
  return unit * (12288 / brokers);
}

} // namespace

std::int64_t murmur3_token(std::string_view key) noexcept {
  std::uint64_t h1 = 0;
  std::uint64_t h2 = 0;
  auto blocks = key.size() / 16;
  for (std::size_t i = 0; i < blocks; ++i) {
    auto k1 = word(key.data() + i * 16);
    auto k2 = word(key.data() + i * 16 + 8);
    h1 ^= std::rotl(k1 * c1, 31) * c2;
    h1 = (std::rotl(h1, 27) + h2) * 5 + 0x52dce729;
    h2 ^= std::rotl(k2 * c2, 33) * c1;
    h2 = (std::rotl(h2, 31) + h1) * 5 + 0x38495ab5;
  }
  auto tail = key.substr(blocks * 16);
  std::uint64_t k1 = 0;
  std::uint64_t k2 = 0;
  for (std::size_t i = 0; i < tail.size(); ++i)
    (i < 8 ? k1 : k2) ^= sign_extended(tail[i]) << (8 * (i % 8));
  if (tail.size() > 8)
    h2 ^= std::rotl(k2 * c2, 33) * c1;
  if (!tail.empty())
    h1 ^= std::rotl(k1 * c1, 31) * c2;
  h1 ^= key.size();
  h2 ^= key.size();
  h1 += h2;
  h2 += h1;
  return std::int64_t(mix(h1) + mix(h2));
}

std::int64_t ring_token(std::size_t brokers, std::size_t index) noexcept {
  return std::int64_t(token_width(brokers) * index - (std::uint64_t{1} << 63));
}

ring_slice place(std::int64_t hash, std::size_t brokers,
                 std::size_t ranges) noexcept {
  auto width = token_width(brokers);
  auto above = std::uint64_t(hash) + (std::uint64_t{1} << 63);
  auto broker = std::min<std::uint64_t>(above / width, brokers - 1);
  auto range = (above - broker * width) / (width / ranges);
  return {std::size_t(broker), range >= ranges ? 0 : std::size_t(range)};
}

std::size_t ring::tokens() const noexcept {
  constexpr std::size_t smallest = 3 * ranges_of_token;
  bool doubled =
    partitions_ % smallest == 0 && std::has_single_bit(partitions_ / smallest);
  return doubled ? partitions_ / ranges_of_token : 1;
}

ring_slice ring::slice_of(partition_id p) const noexcept {
  auto ranges = partitions_ / tokens();
  return {std::size_t(p.value) / ranges, std::size_t(p.value) % ranges};
}

partition_id ring::partition_of(std::string_view key) const noexcept {
  auto hash = murmur3_token(key);
  if (tokens() > 1) {
    auto at = place(hash, tokens(), ranges_of_token);
    return {at.broker * ranges_of_token + at.range};
  }
  auto above = std::uint64_t(hash) + (std::uint64_t{1} << 63);
  auto width = UINT64_MAX / partitions_ + (partitions_ > 1 ? 1 : 0);
  return {std::min<std::uint64_t>(above / width, partitions_ - 1)};
}

partition_id ring::home_of(std::string_view stream) const noexcept {
  auto home = home_stream(stream);
  if (auto mark = read_mark(home, partitions_))
    return {mark->partition};
  return partition_of(home);
}

} // namespace callboard
