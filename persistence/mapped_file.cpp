// mmap and munmap.
#include "persistence/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace callboard {

mapped_file::mapped_file(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (fd >= 0 && ::fstat(fd, &info) == 0 && info.st_size > 0) {
    auto* at =
      ::mmap(nullptr, std::size_t(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (at != MAP_FAILED)
      bytes_ = {static_cast<char*>(at), std::size_t(info.st_size)};
  }
  if (fd >= 0)
    ::close(fd);
}

mapped_file::~mapped_file() {
  if (!bytes_.empty())
    ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

} // namespace callboard
