// mmap and munmap.
#include "persistence/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace callboard {

result<mapped_file> mapped_file::open(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errc::storage_failed;
  mapped_file out;
  struct stat info{};
  bool good = ::fstat(fd, &info) == 0;
  if (good && info.st_size > 0) {
    auto size = std::size_t(info.st_size);
    auto* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    good = at != MAP_FAILED;
    if (good)
      out.bytes_ = {static_cast<char*>(at), size};
  }
  ::close(fd);
  if (!good)
    return errc::storage_failed;
  return out;
}

mapped_file::~mapped_file() {
  if (!bytes_.empty())
    ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

} // namespace callboard
