// Escaping: what needs nothing is only copied, sixteen bytes at a time.
#pragma once

#include "net/byte_block.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace callboard {

/// What stands for one ASCII character; without a size: itself.
struct escape {
  char text[7] = {};
  std::uint8_t size = 0;

  constexpr escape() = default;

  template <std::size_t Size>
  constexpr explicit(false) escape(const char (&by)[Size])
      : escape(std::string_view{by, Size - 1}) {}

  constexpr explicit(false) escape(std::string_view by)
      : size(static_cast<std::uint8_t>(by.size())) {
    by.copy(text, sizeof text);
  }
};

using escape_table = std::array<escape, 128>;

/// Whether `text` is UTF-8; with `noncharacters` false, without U+FFFE and
/// U+FFFF too.
bool is_clean(std::string_view text, bool noncharacters) noexcept;

/// Appends text that is not clean: each part that should not be there becomes
/// one U+FFFD, ASCII what the table says. Byte by byte.
void append_repaired(std::string& out, std::string_view text,
                     const escape_table& escapes, bool noncharacters);

/// Appends a text with what `Rules` says of it:
///
///     struct rules {
///       static constexpr escape_table escapes = ...;
///       static block_marks marks(byte_block); // those that the table escapes
///       static constexpr bool noncharacters = ...; // U+FFFE, U+FFFF may stay
///     };
///
/// Bytes collect in a small buffer, so that the string grows for many of them
/// at once and no copy needs an exact length.
template <class Rules>
class escaper {
public:
  explicit escaper(std::string& out) : out_(out) {}

  void append(std::string_view text) {
    // A block's copy may begin behind an escape: it reads a block further.
    auto in_place = text.size() < 2 * block_bytes
                      ? 0
                      : (text.size() / block_bytes - 1) * block_bytes;
    auto rest = text.substr(in_place);
    char last[3 * block_bytes] = {};
    rest.copy(last, rest.size());
    if (!blocks(text.data(), in_place, text)
        || !blocks(last, rest.size(), rest))
      return;
    flush();
  }

private:
  static constexpr std::size_t room_bytes = 1024;
  // Longer plain text goes past the room: one copy less.
  static constexpr std::size_t long_run_bytes = 8 * block_bytes;
  // One block with nothing but escapes, and what a copy writes too much.
  static constexpr std::size_t margin = block_bytes * 6 + block_bytes;

  /// `size` bytes from `at` on, with readable ones behind them; `rest` begins
  /// with the same bytes. False: it is not clean, and written to its end.
  bool blocks(const char* at, std::size_t size, std::string_view rest) {
    for (std::size_t done = 0; done < size;) {
      if (auto plain = plain_blocks(at + done, size - done); plain > 0) {
        put_plain(at + done, plain);
        done += plain;
        continue;
      }
      auto length = std::min(size - done, block_bytes);
      auto asked = (1U << length) - 1;
      auto block = load_block(at + done);
      if (!clean_ && (beyond_ascii(block) & asked) != 0
          && !check(rest.substr(done)))
        return false;
      put(at + done, length, to_bits(Rules::marks(block)) & asked);
      if (to_ > room_ + room_bytes - margin)
        flush();
      done += block_bytes;
    }
    return true;
  }

  void put_plain(const char* from, std::size_t size) {
    auto left = static_cast<std::size_t>(room_ + room_bytes - margin - to_);
    if (size > left || size >= long_run_bytes)
      flush();
    if (size >= long_run_bytes) {
      out_.append(from, size);
      return;
    }
    std::memcpy(to_, from, size);
    to_ += size;
  }

  /// Bytes of whole blocks at the front that are copied as they are.
  static std::size_t plain_blocks(const char* at, std::size_t size) {
    std::size_t plain = 0;
    for (; plain + block_bytes <= size; plain += block_bytes) {
      auto block = load_block(at + plain);
      if ((beyond_ascii(block) | to_bits(Rules::marks(block))) != 0)
        break;
    }
    return plain;
  }

  /// Most text is ASCII, which needs no look at its end.
  bool check(std::string_view rest) {
    clean_ = is_clean(rest, Rules::noncharacters);
    if (clean_)
      return true;
    flush();
    append_repaired(out_, rest, Rules::escapes, Rules::noncharacters);
    return false;
  }

  void put(const char* from, std::size_t length, unsigned marks) {
    std::size_t begun = 0;
    for (; marks != 0; marks &= marks - 1) {
      auto at = static_cast<std::size_t>(std::countr_zero(marks));
      std::memcpy(to_, from + begun, block_bytes);
      to_ += at - begun;
      auto& escape = Rules::escapes[static_cast<unsigned char>(from[at])];
      std::memcpy(to_, &escape, sizeof escape); // eight bytes: one store
      to_ += escape.size;
      begun = at + 1;
    }
    std::memcpy(to_, from + begun, block_bytes);
    to_ += length - begun;
  }

  void flush() {
    out_.append(room_, to_);
    to_ = room_;
  }

  std::string& out_;
  bool clean_ = false; // as far as is known
  char room_[room_bytes];
  char* to_ = room_;
};

} // namespace callboard
