// A whole file to read, without a copy.
#pragma once

#include <filesystem>
#include <string_view>

namespace callboard {

/// Empty if there is no such file, or nothing in it. A page that the disk
/// cannot give is a SIGBUS, as it is for LMDB.
class mapped_file {
public:
  explicit mapped_file(const std::filesystem::path& path);

  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  ~mapped_file();

  std::string_view bytes() const noexcept { return bytes_; }

private:
  std::string_view bytes_;
};

} // namespace callboard
