// A whole file to read, without a copy.
#pragma once

#include "actors/core/error.hpp"

#include <filesystem>
#include <string_view>
#include <utility>

namespace callboard {

/// A page that the disk cannot give is a SIGBUS, as it is for LMDB. Move-only.
class mapped_file {
public:
  /// Errors: storage_failed (it is not there, or cannot be read).
  static result<mapped_file> open(const std::filesystem::path& path);

  mapped_file(mapped_file&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})) {}

  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  ~mapped_file();

  std::string_view bytes() const noexcept { return bytes_; }

private:
  mapped_file() = default;

  std::string_view bytes_;
};

} // namespace callboard
