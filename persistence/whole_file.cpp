// Another name first, then the rename or exchange, then the folder.
#include "persistence/whole_file.hpp"

#include "persistence/wal_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace callboard {

namespace fs = std::filesystem;

namespace {

fs::path other_name(const fs::path& file) {
  auto out = file;
  out += ".new";
  return out;
}

/// Durable, but for its name. Without O_TRUNC among the `flags` it keeps the
/// blocks that it has.
result<void> write_flushed(const fs::path& file, std::string_view bytes,
                           int flags) {
  int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0)
    return storage_error(errno);
  auto size = off_t(bytes.size());
  errno = 0;
  bool good =
    ::write(fd, bytes.data(), bytes.size()) == size
    && (::lseek(fd, 0, SEEK_END) <= size || ::ftruncate(fd, size) == 0)
    && ::fsync(fd) == 0;
  auto why = errno;
  good = ::close(fd) == 0 && good;
  if (good)
    return {};
  errno = why == 0 ? ENOSPC : why; // a short write
  return storage_error(errno);
}

/// `errno` says why not.
bool exchange(const fs::path& one, const fs::path& other) {
  return ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(),
                     RENAME_EXCHANGE)
         == 0;
}

} // namespace

result<std::optional<std::string>> read_whole(const fs::path& file) {
  std::error_code failed;
  if (!fs::exists(file, failed)) {
    errno = failed.value();
    return failed ? result<std::optional<std::string>>{errc::storage_failed}
                  : std::optional<std::string>{};
  }
  std::ifstream in{file, std::ios::binary};
  if (!in)
    return errc::storage_failed;
  try {
    return std::optional{std::string{std::istreambuf_iterator<char>{in}, {}}};
  } catch (const std::ios_base::failure&) { // the disk cannot give it
    errno = EIO;
    return errc::storage_failed;
  }
}

result<void> write_whole(const fs::path& file, std::string_view bytes) {
  auto temporary = other_name(file);
  if (auto done = write_flushed(temporary, bytes, O_TRUNC); !done)
    return done;
  if (::rename(temporary.c_str(), file.c_str()) != 0)
    return storage_error(errno);
  return sync_folder(file.parent_path());
}

result<void> rewrite_whole(const fs::path& file, std::string_view bytes) {
  auto spare = other_name(file);
  std::error_code failed;
  // An exchange that never reached the disk makes the spare one the file again
  // after a power loss: if this process or an earlier one could not flush it.
  if (fs::exists(spare, failed))
    if (auto done = sync_folder(file.parent_path()); !done)
      return done;
  if (auto done = write_flushed(spare, bytes, 0); !done)
    return done;
  if (exchange(spare, file))
    return sync_folder(file.parent_path());
  // There was no such file, or the file system knows no exchange.
  if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
    return storage_error(errno);
  if (::rename(spare.c_str(), file.c_str()) != 0)
    return storage_error(errno);
  // Without one the next call needs room, as this one did: no reason to fail.
  [[maybe_unused]] auto made = write_flushed(spare, bytes, 0);
  return sync_folder(file.parent_path());
}

} // namespace callboard
