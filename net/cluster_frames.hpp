// What travels on a link between two nodes: checked, numbered frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// One frame: `length 4 | kind 1 | sequence 8 | checksum 4 | body`, all
/// integers little-endian. `length` is the body's. The checksum (32 bits of
/// XXH3) covers what is before it and the body; its seed is the connection's,
/// so a frame of another connection does not pass for one of this.
inline constexpr std::size_t cluster_frame_header_bytes = 17;

struct cluster_frame {
  std::uint8_t kind = 0;
  std::string body;
};

/// The header that goes before `body`. `sequence` counts from 1 in each
/// connection and direction.
std::array<char, cluster_frame_header_bytes>
cluster_frame_header(std::uint8_t kind, std::uint64_t sequence,
                     std::string_view body, std::uint64_t seed);

/// Why the rest of a connection cannot be read.
enum class cluster_frame_error : std::uint8_t {
  none,
  too_long, // announces more than may come
  sequence, // a frame is missing, or came twice
  checksum,
};

/// For people.
std::string_view describe(cluster_frame_error error);

/// Cuts a connection's bytes into frames. Holds at most one body, and memory
/// only for what has come of it (twice that while it grows), whatever its
/// header announces.
class cluster_frame_reader {
public:
  cluster_frame_reader(std::uint64_t seed, std::size_t body_bytes_max)
      : seed_(seed), body_bytes_max_(body_bytes_max) {}

  /// The next frame, its bytes taken off the front of `input`. Nothing when
  /// `input` has been used up before it is whole, or after an error.
  std::optional<cluster_frame> next(std::string_view& input);

  /// Stays once there is one.
  cluster_frame_error error() const noexcept { return error_; }

  /// Memory of the body that is coming.
  std::size_t held_bytes() const noexcept { return body_.capacity(); }

private:
  void take_header(std::string_view& input);
  void take_body(std::string_view& input);

  std::uint64_t seed_;
  std::size_t body_bytes_max_;
  std::uint64_t sequence_ = 0; // of the last whole frame
  std::array<char, cluster_frame_header_bytes> header_{};
  std::size_t header_bytes_ = 0;
  std::size_t length_ = 0; // of the body, once the header is whole
  std::string body_;
  cluster_frame_error error_ = cluster_frame_error::none;
};

} // namespace callboard
