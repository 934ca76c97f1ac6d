// Writing and reading of varints, text and ids: what codec and rows are made
// of.
#pragma once

#include "actors/core/ids.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace callboard {

/// Appends to a string. LEB128 varints; text has its length in front.
class byte_writer {
public:
  explicit byte_writer(std::string& out) : out_(out) {}

  void byte(std::uint8_t x) { out_.push_back(static_cast<char>(x)); }

  void varint(std::uint64_t x) {
    while (x >= 0x80) {
      byte(std::uint8_t(x | 0x80));
      x >>= 7;
    }
    byte(std::uint8_t(x));
  }

  /// Small negative numbers stay short.
  void zigzag(std::int64_t x) {
    varint((std::uint64_t(x) << 1) ^ std::uint64_t(x >> 63));
  }

  void text(std::string_view x) {
    varint(x.size());
    out_.append(x);
  }

  void id(const uuid& x) {
    out_.append(reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size());
  }

  void real(double x) {
    char bytes[8];
    std::memcpy(bytes, &x, 8);
    out_.append(bytes, 8);
  }

private:
  std::string& out_;
};

/// Reads what `byte_writer` wrote. After the first read beyond the end every
/// read gives zero or nothing, and `good` stays false: check it at the end.
class byte_reader {
public:
  explicit byte_reader(std::string_view in) : in_(in) {}

  bool good() const noexcept { return good_; }

  bool at_end() const noexcept { return in_.empty(); }

  std::size_t left() const noexcept { return in_.size(); }

  std::uint8_t byte() noexcept {
    auto x = take(1);
    return x.empty() ? 0 : static_cast<std::uint8_t>(x.front());
  }

  std::uint64_t varint() noexcept {
    std::uint64_t x = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      auto next = byte();
      x |= std::uint64_t(next & 0x7f) << shift;
      if ((next & 0x80) == 0)
        return x;
    }
    good_ = false;
    return 0;
  }

  std::int64_t zigzag() noexcept {
    auto x = varint();
    return std::int64_t(x >> 1) ^ -std::int64_t(x & 1);
  }

  std::string_view text() noexcept { return take(varint()); }

  uuid id() noexcept {
    uuid x;
    if (auto bytes = take(16); !bytes.empty())
      std::memcpy(x.bytes.data(), bytes.data(), 16);
    return x;
  }

  double real() noexcept {
    double x = 0;
    if (auto bytes = take(8); !bytes.empty())
      std::memcpy(&x, bytes.data(), 8);
    return x;
  }

  /// How many of something follow that takes at least one byte each: no more
  /// than there are bytes, so a damaged count allocates nothing.
  std::size_t count() noexcept {
    auto n = varint();
    if (n > in_.size()) {
      good_ = false;
      return 0;
    }
    return std::size_t(n);
  }

  std::string_view take(std::uint64_t bytes) noexcept {
    if (!good_ || bytes > in_.size()) {
      good_ = false;
      return {};
    }
    auto out = in_.substr(0, std::size_t(bytes));
    in_.remove_prefix(std::size_t(bytes));
    return out;
  }

private:
  std::string_view in_;
  bool good_ = true;
};

} // namespace callboard
