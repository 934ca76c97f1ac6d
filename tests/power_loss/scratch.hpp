// Where thousands of images are written: memory, if the system has it as a
// folder.
#pragma once

#include "tests/support/temporary_folder.hpp"

#include <filesystem>
#include <system_error>

namespace callboard::test {

inline std::filesystem::path scratch_parent() {
  std::error_code ignored;
  return std::filesystem::is_directory("/dev/shm", ignored)
           ? std::filesystem::path{"/dev/shm"}
           : std::filesystem::temp_directory_path();
}

} // namespace callboard::test
