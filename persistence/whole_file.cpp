// Another name first, then the rename, then the folder.
#include "persistence/whole_file.hpp"

#include "persistence/wal_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

namespace callboard {

namespace fs = std::filesystem;

result<std::optional<std::string>> read_whole(const fs::path& file) {
  std::error_code failed;
  if (!fs::exists(file, failed))
    return failed ? result<std::optional<std::string>>{errc::storage_failed}
                  : std::optional<std::string>{};
  std::ifstream in{file, std::ios::binary};
  if (!in)
    return errc::storage_failed;
  try {
    return std::optional{std::string{std::istreambuf_iterator<char>{in}, {}}};
  } catch (const std::ios_base::failure&) { // the disk cannot give it
    return errc::storage_failed;
  }
}

result<void> write_whole(const fs::path& file, std::string_view bytes) {
  auto temporary = file;
  temporary += ".new";
  int fd =
    ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    return storage_error(errno);
  errno = 0;
  bool good = ::write(fd, bytes.data(), bytes.size()) == ssize_t(bytes.size())
              && ::fsync(fd) == 0;
  auto why = errno;
  good = ::close(fd) == 0 && good;
  if (!good)
    return storage_error(why == 0 ? ENOSPC : why); // a short write
  if (::rename(temporary.c_str(), file.c_str()) != 0)
    return storage_error(errno);
  return sync_folder(file.parent_path());
}

} // namespace callboard
