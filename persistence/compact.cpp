// Copy, flush, rename, flush the folder.
#include "persistence/compact.hpp"

#include "persistence/database.hpp"
#include "persistence/page_check.hpp"
#include "persistence/wal_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace callboard {

namespace fs = std::filesystem;

namespace {

constexpr auto file_name = "data.mdb";
constexpr auto copy_name = "data.mdb.compact";

/// A new file that only its owner can read until it has its final owner.
class new_file {
public:
  explicit new_file(const fs::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   0600)) {}

  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;

  ~new_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int fd() const noexcept { return fd_; }

private:
  int fd_;
};

/// Whoever may serve the old file may serve the new one.
bool take_owner(int file, const fs::path& from) {
  struct stat old{};
  return ::stat(from.c_str(), &old) == 0
         && ::fchown(file, old.st_uid, old.st_gid) == 0
         && ::fchmod(file, old.st_mode & 0777) == 0;
}

/// The copy is on disk, all but its name, when this returns.
result<void> write_copy(const fs::path& folder) {
  new_file copy{folder / copy_name};
  if (copy.fd() < 0 || !take_owner(copy.fd(), folder / file_name))
    return storage_error(errno);
  if (find_damaged_page(folder, UINTMAX_MAX))
    return errc::corrupt;
  auto db = database::open({.folder = folder, .read_only = true});
  if (!db)
    return db.error();
  if (auto done = db->copy_to(copy.fd()); !done)
    return done;
  if (::fsync(copy.fd()) != 0)
    return storage_error(errno);
  return {};
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code failed;
  auto size = fs::file_size(path, failed);
  return failed ? 0 : size;
}

} // namespace

result<compacted> compact(const fs::path& store_folder) {
  auto file = store_folder / file_name;
  auto copy = store_folder / copy_name;
  remove_half_copy(store_folder);
  compacted out{size_of(file), 0};
  if (out.bytes_before == 0)
    return errc::not_found;
  if (auto done = write_copy(store_folder); !done) {
    remove_half_copy(store_folder);
    return done.error();
  }
  out.bytes_after = size_of(copy);
  std::error_code failed;
  fs::rename(copy, file, failed);
  if (failed) {
    remove_half_copy(store_folder);
    return storage_error(failed.value());
  }
  if (auto done = sync_folder(store_folder); !done)
    return done.error();
  return out;
}

void remove_half_copy(const fs::path& store_folder) noexcept {
  std::error_code ignored;
  fs::remove(store_folder / copy_name, ignored);
}

} // namespace callboard
