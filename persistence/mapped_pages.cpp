// /proc says how much and where; madvise lets go of it.
#include "persistence/mapped_pages.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace callboard {

namespace {

/// Bytes of mapped files, libraries included, in this process's memory.
std::size_t resident_file_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  in >> size >> resident >> shared;
  return in ? shared * std::size_t(::sysconf(_SC_PAGESIZE)) : 0;
}

} // namespace

void bound_mapped_pages(const std::filesystem::path& file,
                        std::size_t bytes_max) {
  struct stat known{};
  if (resident_file_bytes() <= bytes_max || ::stat(file.c_str(), &known) != 0)
    return;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    std::uintmax_t inode = 0;
    // from-to rights offset device inode path
    if (std::sscanf(line.c_str(),
                    "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %" SCNuMAX, &from,
                    &to, &inode)
          == 3
        && inode == known.st_ino)
      ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
}

} // namespace callboard
