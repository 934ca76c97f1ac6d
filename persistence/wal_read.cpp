// Reading again what was flushed, while files come and go.
#include "persistence/wal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace callboard {

namespace {

result<std::string> read_bytes(const std::filesystem::path& path,
                               std::size_t at, std::size_t count) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errc::storage_failed;
  std::string out(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    auto n = ::pread(fd, out.data() + done, count - done, off_t(at + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    done += std::size_t(n);
  }
  ::close(fd);
  return done == count ? result<std::string>{std::move(out)}
                       : errc::storage_failed;
}

} // namespace

result<std::vector<journal_entry>> wal::read(log_index from) const {
  auto find = [&]() -> std::optional<wal_section> {
    std::lock_guard lock{mutex_};
    return sections_ ? sections_->find(from) : std::nullopt;
  };
  auto where = find();
  if (!where)
    return errc::not_found;
  auto bytes =
    read_bytes(path_of(where->file, ".wal"), where->at, where->bytes);
  auto out = bytes
               ? read_section(*bytes, salt_.of_file(where->file), *where, from)
               : result<std::vector<journal_entry>>{bytes.error()};
  if (out)
    return out;
  // Its file may have been released, and be another one by now.
  auto again = find();
  if (!again || again->file != where->file)
    return errc::not_found;
  return out;
}

std::optional<log_index> wal::first_readable() const {
  std::lock_guard lock{mutex_};
  return sections_ ? sections_->first() : std::nullopt;
}

} // namespace callboard
