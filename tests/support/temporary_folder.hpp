// A folder that is gone when the test is over.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace callboard::test {

class temporary_folder {
public:
  explicit temporary_folder(const std::filesystem::path& parent
                            = std::filesystem::temp_directory_path()) {
    auto name = (parent / "callboard-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("mkdtemp failed");
    path = name;
  }

  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::filesystem::path path;
};

} // namespace callboard::test
