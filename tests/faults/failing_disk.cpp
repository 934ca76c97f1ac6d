// Preloaded into a broker: makes system calls on files of its directory fail,
// or wait, while a control file says so.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace {

enum kinds : std::uint32_t {
  writes = 1,
  flushes = 2,
  reads = 4,
  growth = 8, // writes behind the end of a file: all that a full disk refuses
};

/// The control file, as whoever tests writes it (`disk.py`); shared memory.
struct control {
  std::atomic<std::uint32_t> kinds;    // that are hit; 0: all is well
  std::atomic<std::uint32_t> error;    // errno; 0: the call only waits
  std::atomic<std::uint32_t> delay_ms; // before each that is hit
  std::atomic<std::uint32_t> every;    // so many are let through, less one
  std::atomic<std::uint32_t> matched;  // calls that might have been hit
  std::atomic<std::uint32_t> hit;
};

control* open_control() {
  const auto* path = std::getenv("CALLBOARD_FAULT_CONTROL");
  int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return nullptr;
  auto* at =
    ::mmap(nullptr, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<control*>(at);
}

control* const shared = open_control();

bool below_folder(int fd) {
  static const char* const folder = std::getenv("CALLBOARD_FAULT_FOLDER");
  char name[] = "/proc/self/fd/..........";
  char* digits = name + 14;
  for (int rest = fd, scale = 1000000000; scale > 0; scale /= 10)
    if (fd >= scale || scale == 1) {
      *digits++ = char('0' + rest / scale);
      rest %= scale;
    }
  *digits = '\0';
  char path[4096];
  auto size = ::readlink(name, path, sizeof path);
  return folder != nullptr && size > 0
         && std::string_view{path, std::size_t(size)}.starts_with(folder);
}

bool grows(int fd, off_t end) {
  struct stat known{};
  return ::fstat(fd, &known) == 0 && end > known.st_size;
}

/// Whether a call of this kind fails now; then errno is set. `end`: where a
/// write ends.
bool fails(kinds kind, int fd, off_t end = 0) {
  if (shared == nullptr || fd < 0)
    return false;
  auto wanted = shared->kinds.load(std::memory_order_relaxed);
  if (wanted == 0)
    return false;
  bool match = (wanted & kind) != 0
               || (kind == writes && (wanted & growth) != 0 && grows(fd, end));
  if (!match || !below_folder(fd))
    return false;
  auto every = shared->every.load();
  if (++shared->matched % (every == 0 ? 1 : every) != 0)
    return false;
  ++shared->hit;
  if (auto ms = shared->delay_ms.load()) {
    timespec left{time_t(ms / 1000), long(ms % 1000) * 1000000};
    while (::nanosleep(&left, &left) != 0 && errno == EINTR)
      ;
  }
  auto error = int(shared->error.load());
  if (error == 0)
    return false;
  errno = error;
  return true;
}

template <class Call>
Call* next(const char* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

off_t bytes_of(const iovec* parts, int count) {
  off_t sum = 0;
  for (int i = 0; i < count; ++i)
    sum += off_t(parts[i].iov_len);
  return sum;
}

off_t here(int fd) {
  auto at = ::lseek(fd, 0, SEEK_CUR);
  return at < 0 ? 0 : at;
}

} // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = next<decltype(write)>("write");
  if (shared != nullptr && shared->kinds != 0
      && fails(writes, fd, here(fd) + off_t(size)))
    return -1;
  return real(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static auto* const real = next<decltype(pwrite)>("pwrite");
  return fails(writes, fd, at + off_t(size)) ? -1 : real(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  return pwrite(fd, bytes, size, at);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  static auto* const real = next<decltype(writev)>("writev");
  if (shared != nullptr && shared->kinds != 0
      && fails(writes, fd, here(fd) + bytes_of(parts, count)))
    return -1;
  return real(fd, parts, count);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  static auto* const real = next<decltype(pwritev)>("pwritev");
  return fails(writes, fd, at + bytes_of(parts, count))
           ? -1
           : real(fd, parts, count, at);
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t at) {
  return pwritev(fd, parts, count, at);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = next<int(int, off_t)>("ftruncate");
  return fails(writes, fd, size) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  return ftruncate(fd, size);
}

int fdatasync(int fd) {
  static auto* const real = next<decltype(fdatasync)>("fdatasync");
  return fails(flushes, fd) ? -1 : real(fd);
}

int fsync(int fd) {
  static auto* const real = next<decltype(fsync)>("fsync");
  return fails(flushes, fd) ? -1 : real(fd);
}

ssize_t read(int fd, void* bytes, size_t size) {
  static auto* const real = next<decltype(read)>("read");
  return fails(reads, fd) ? -1 : real(fd, bytes, size);
}

ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  static auto* const real = next<decltype(pread)>("pread");
  return fails(reads, fd) ? -1 : real(fd, bytes, size, at);
}

ssize_t pread64(int fd, void* bytes, size_t size, off64_t at) {
  return pread(fd, bytes, size, at);
}

} // extern "C"
