// The names of the system calls, defined again: each calls the real one.
#include "tests/power_loss/recorder.hpp"

#include "tests/power_loss/recording.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>

namespace callboard::test {

namespace {

std::size_t bytes_in(const iovec* parts, int count) {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i)
    bytes += parts[i].iov_len;
  return bytes;
}

int open_recorded(const char* path, int flags, mode_t mode) {
  static auto call = real<int (*)(const char*, int, ...)>("open");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  auto name = all.inside(path);
  bool existed = name && ::access(path, F_OK) == 0;
  if (name && (flags & O_CREAT) != 0 && !existed && all.fails(*name))
    return -1;
  int fd = call(path, flags, mode);
  if (fd >= 0 && name)
    all.opened(fd, *name, flags, existed);
  return fd;
}

ssize_t pwrite_recorded(int fd, const void* bytes, std::size_t count,
                        off_t offset) {
  static auto call =
    real<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  bool fails = all.write_fails(fd, std::size_t(offset) + count);
  if (fails && (count = all.faults.part(count)) == 0)
    return -1;
  auto done = call(fd, bytes, count, offset);
  if (done > 0)
    all.wrote(fd, static_cast<const char*>(bytes), std::size_t(done), offset);
  return fails ? all.faults.told(done) : done;
}

ssize_t pwritev_recorded(int fd, const iovec* parts, int count, off_t offset) {
  static auto call =
    real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  if (all.write_fails(fd, std::size_t(offset) + bytes_in(parts, count)))
    return -1;
  auto done = call(fd, parts, count, offset);
  if (done <= 0)
    return done;
  std::string joined;
  for (int i = 0; i < count; ++i)
    joined.append(static_cast<const char*>(parts[i].iov_base),
                  parts[i].iov_len);
  all.wrote(fd, joined.data(), std::size_t(done), offset);
  return done;
}

int flush_recorded(const char* name, int fd) {
  auto call = real<int (*)(int)>(name);
  auto& all = now();
  std::lock_guard lock{all.mutex};
  if (all.flush_fails(fd)) {
    auto why = errno;
    if (all.faults.done() && call(fd) == 0)
      all.flushed(fd);
    else
      all.not_flushed(fd);
    errno = why;
    return -1;
  }
  int failed = call(fd);
  if (failed == 0)
    all.flushed(fd);
  return failed;
}

} // namespace

recorder::recorder(std::filesystem::path folder, const disk_image& initial) {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  assert(!all.active);
  all.root = folder.string() + "/";
  all.names = disk::numbers_of(initial);
  all.ops.clear();
  all.open_files.clear();
  all.faults.end();
  all.active = true;
}

recorder::~recorder() {
  take();
}

std::size_t recorder::position() const {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  return all.ops.size();
}

void recorder::fail(disk_fault what) {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  all.faults.begin(std::move(what));
}

void recorder::heal() {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  all.faults.end();
}

std::size_t recorder::calls() const {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  return all.faults.calls();
}

std::size_t recorder::failures() const {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  return all.faults.failures();
}

std::vector<disk_op> recorder::take() {
  auto& all = now();
  std::lock_guard lock{all.mutex};
  all.active = false;
  return std::move(all.ops);
}

} // namespace callboard::test

using namespace callboard::test;

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return open_recorded(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return open_recorded(path, flags, mode);
}

int close(int fd) {
  static auto call = real<int (*)(int)>("close");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  all.open_files.erase(fd);
  return call(fd);
}

ssize_t pwrite(int fd, const void* bytes, std::size_t count, off_t offset) {
  return pwrite_recorded(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, std::size_t count, off_t offset) {
  return pwrite_recorded(fd, bytes, count, offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return pwritev_recorded(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) {
  return pwritev_recorded(fd, parts, count, offset);
}

ssize_t write(int fd, const void* bytes, std::size_t count) {
  static auto call = real<ssize_t (*)(int, const void*, std::size_t)>("write");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  auto at = all.file(fd) != nullptr ? ::lseek(fd, 0, SEEK_CUR) : off_t{0};
  bool fails = all.write_fails(fd, std::size_t(at) + count);
  if (fails && (count = all.faults.part(count)) == 0)
    return -1;
  auto done = call(fd, bytes, count);
  if (done > 0)
    all.wrote(fd, static_cast<const char*>(bytes), std::size_t(done), at);
  return fails ? all.faults.told(done) : done;
}

ssize_t writev(int fd, const iovec* parts, int count) {
  static auto call = real<ssize_t (*)(int, const iovec*, int)>("writev");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  auto at = all.file(fd) != nullptr ? ::lseek(fd, 0, SEEK_CUR) : off_t{0};
  if (all.write_fails(fd, std::size_t(at) + bytes_in(parts, count)))
    return -1;
  auto done = call(fd, parts, count);
  if (done <= 0)
    return done;
  std::string joined;
  for (int i = 0; i < count; ++i)
    joined.append(static_cast<const char*>(parts[i].iov_base),
                  parts[i].iov_len);
  all.wrote(fd, joined.data(), std::size_t(done), at);
  return done;
}

int fdatasync(int fd) {
  return flush_recorded("fdatasync", fd);
}

int fsync(int fd) {
  return flush_recorded("fsync", fd);
}

int rename(const char* from, const char* to) noexcept {
  static auto call = real<int (*)(const char*, const char*)>("rename");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  if (auto name = all.inside(from);
      name && !all.faults.full() && all.fails(*name))
    return -1;
  int failed = call(from, to);
  if (failed == 0)
    all.renamed(from, to);
  return failed;
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  static auto call =
    real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
  assert(from_folder == AT_FDCWD && to_folder == AT_FDCWD);
  auto& all = now();
  std::lock_guard lock{all.mutex};
  if (auto name = all.inside(from);
      name && !all.faults.full() && all.fails(*name))
    return -1;
  int failed = call(from_folder, from, to_folder, to, flags);
  if (failed == 0 && flags == RENAME_EXCHANGE)
    all.exchanged(from, to);
  else if (failed == 0)
    all.renamed(from, to);
  return failed;
}

int ftruncate(int fd, off_t size) noexcept {
  static auto call = real<int (*)(int, off_t)>("ftruncate");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  struct stat before{};
  auto* what = all.file(fd);
  bool shorter =
    what != nullptr && ::fstat(fd, &before) == 0 && size < before.st_size;
  if (shorter && !all.faults.full() && all.fails(what->path))
    return -1;
  int failed = call(fd, size);
  if (failed == 0 && shorter)
    all.cut(fd, size);
  return failed;
}

int ftruncate64(int fd, off64_t size) noexcept {
  return ftruncate(fd, size);
}

int unlink(const char* path) noexcept {
  static auto call = real<int (*)(const char*)>("unlink");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  int failed = call(path);
  if (failed == 0)
    all.removed(path);
  return failed;
}

int remove(const char* path) noexcept {
  static auto call = real<int (*)(const char*)>("remove");
  auto& all = now();
  std::lock_guard lock{all.mutex};
  int failed = call(path);
  if (failed == 0)
    all.removed(path);
  return failed;
}

} // extern "C"
