// Bytes of frames, and the system calls.
#include "persistence/wal_file.hpp"

#include "actors/core/limits.hpp"
#include "persistence/blocks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

namespace callboard {

namespace {

// What every device and file system takes: a multiple of their own blocks.
constexpr std::size_t block_bytes = 4096;

// Of a new file, so much is written and flushed at once: whoever flushes an
// entry on the same disk meanwhile waits for no more than that. Past the page
// cache, for the same reason.
constexpr std::size_t zeros_bytes = std::size_t{4} << 20;
alignas(block_bytes) char zeros[zeros_bytes]; // never touched: takes no memory

} // namespace

namespace wal_format {

namespace {

template <class Integer>
void store(char* at, Integer x) noexcept {
  std::memcpy(at, &x, sizeof x);
}

template <class Integer>
Integer load(const char* at) noexcept {
  Integer x = 0;
  std::memcpy(&x, at, sizeof x);
  return x;
}

std::size_t aligned(std::size_t n) noexcept {
  return (n + 7) & ~std::size_t{7};
}

} // namespace

std::size_t frame_bytes(std::span<const journal_entry> entries) noexcept {
  auto bytes = frame_head_bytes;
  for (auto& entry : entries)
    bytes += entry_head_bytes + aligned(entry.body.size());
  return bytes;
}

void write_frame(std::string& out, std::uint64_t file, std::uint64_t number,
                 std::span<const journal_entry> entries) {
  out.assign(frame_bytes(entries), '\0');
  auto* at = out.data() + frame_head_bytes;
  for (auto& entry : entries) {
    store(at, std::uint32_t(entry.body.size()));
    store(at + 4, std::uint16_t(entry.partition.value));
    store(at + 6, std::uint8_t{1}); // an entry; others come with the cluster
    store(at + 8, entry.term);
    store(at + 16, entry.index.value);
    std::memcpy(at + entry_head_bytes, entry.body.data(), entry.body.size());
    at += entry_head_bytes + aligned(entry.body.size());
  }
  store(out.data(), magic);
  store(out.data() + 8, std::uint32_t(out.size() - frame_head_bytes));
  store(out.data() + 12, std::uint32_t(file));
  store(out.data() + 16, number);
  store(out.data() + 4, checksum(std::string_view{out}.substr(8), file));
}

std::optional<frame> read_frame(std::string_view bytes, std::uint64_t file,
                                std::size_t at) {
  if (at + frame_head_bytes > bytes.size())
    return std::nullopt;
  auto* head = bytes.data() + at;
  auto length = load<std::uint32_t>(head + 8);
  if (load<std::uint32_t>(head) != magic
      || load<std::uint32_t>(head + 12) != std::uint32_t(file)
      || length % 8 != 0 || length > bytes.size() - at - frame_head_bytes)
    return std::nullopt;
  auto covered = bytes.substr(at + 8, frame_head_bytes - 8 + length);
  if (load<std::uint32_t>(head + 4) != checksum(covered, file))
    return std::nullopt;
  return frame{load<std::uint64_t>(head + 16),
               bytes.substr(at + frame_head_bytes, length),
               at + frame_head_bytes + length};
}

std::optional<frame> find_frame(std::string_view bytes, std::uint64_t file,
                                std::size_t at, std::uint64_t number) {
  for (at += 8; at + frame_head_bytes <= bytes.size(); at += 8) {
    if (load<std::uint32_t>(bytes.data() + at) != magic
        || load<std::uint64_t>(bytes.data() + at + 16) < number)
      continue;
    if (auto found = read_frame(bytes, file, at))
      return found;
  }
  return std::nullopt;
}

result<std::vector<entry_view>> read_entries(std::string_view entries) {
  std::vector<entry_view> out;
  while (!entries.empty()) {
    if (entries.size() < entry_head_bytes)
      return errc::corrupt;
    auto* at = entries.data();
    std::size_t length = load<std::uint32_t>(at);
    if (aligned(length) > entries.size() - entry_head_bytes)
      return errc::corrupt;
    out.push_back({{load<std::uint16_t>(at + 4)},
                   {load<std::uint64_t>(at + 16)},
                   load<std::uint64_t>(at + 8),
                   entries.substr(entry_head_bytes, length)});
    entries.remove_prefix(entry_head_bytes + aligned(length));
  }
  return out;
}

} // namespace wal_format

errc storage_error(int code) noexcept {
  return code == ENOSPC || code == EDQUOT ? errc::storage_full
                                          : errc::storage_failed;
}

errc true_cause(errc why, const std::filesystem::path& folder) {
  std::error_code unknown;
  auto disk = std::filesystem::space(folder, unknown);
  bool full = why == errc::storage_failed && !unknown
              && disk.available < limits::disk_bytes_min;
  return full ? errc::storage_full : why;
}

std::string storage_complaint(const std::filesystem::path& path, int code) {
  auto out = path.string() + ": " + std::generic_category().message(code);
  switch (code) {
    case EACCES:
    case EPERM:
      return out + "; the user that it runs as needs the right to that";
    case EMFILE:
    case ENFILE: return out + "; raise the limit of open files (ulimit -n)";
    default: return out;
  }
}

result<void> sync_file(const std::filesystem::path& file) {
  int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  bool good = fd >= 0 && ::fsync(fd) == 0;
  auto why = errno;
  if (fd >= 0)
    ::close(fd);
  errno = why;
  return good ? result<void>{} : storage_error(why);
}

result<void> sync_folder(const std::filesystem::path& folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool good = fd >= 0 && ::fsync(fd) == 0;
  auto why = errno;
  if (fd >= 0)
    ::close(fd);
  errno = why;
  return good ? result<void>{} : errc::storage_failed;
}

void wal_file::freed::operator()(char* memory) const noexcept {
  std::free(memory);
}

wal_file::wal_file(wal_file&& other) noexcept {
  *this = std::move(other);
}

wal_file& wal_file::operator=(wal_file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(at_, other.at_);
  std::swap(direct_, other.direct_);
  std::swap(blocks_, other.blocks_);
  std::swap(blocks_size_, other.blocks_size_);
  return *this;
}

wal_file::~wal_file() {
  if (fd_ >= 0)
    ::close(fd_);
}

result<wal_file> wal_file::make(const std::filesystem::path& path,
                                std::size_t bytes) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    return storage_error(errno);
  wal_file file{fd, bytes};
  file.try_direct();
  result<void> done;
  for (std::size_t at = 0; at < bytes && done; at += zeros_bytes) {
    done = file.write_all({zeros, std::min(zeros_bytes, bytes - at)}, at);
    if (done && ::fdatasync(fd) != 0)
      done = storage_error(errno);
  }
  if (!done) {
    ::unlink(path.c_str());
    return done.error();
  }
  return file;
}

result<wal_file> wal_file::open(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat info{};
  if (fd < 0 || ::fstat(fd, &info) != 0)
    return storage_error(errno);
  wal_file file{fd, std::size_t(info.st_size)};
  file.try_direct();
  return file;
}

void wal_file::try_direct() {
  direct_ = size_ % block_bytes == 0 && ::fcntl(fd_, F_SETFL, O_DIRECT) == 0;
}

result<void> wal_file::write(std::string_view bytes) {
  auto before = direct_ ? at_ % block_bytes : 0;
  auto written = write_all(direct_ ? as_blocks(bytes) : bytes, at_ - before);
  if (!written)
    return written;
  if (::fdatasync(fd_) != 0)
    return storage_error(errno);
  at_ += bytes.size();
  if (direct_) // the next write begins with the last block
    std::memmove(blocks_.get(),
                 blocks_.get()
                   + (before + bytes.size()) / block_bytes * block_bytes,
                 at_ % block_bytes);
  return {};
}

/// The bytes of the first block that are there already, these, and zeros.
std::string_view wal_file::as_blocks(std::string_view bytes) {
  auto before = at_ % block_bytes;
  auto used = before + bytes.size();
  auto whole = (used + block_bytes - 1) / block_bytes * block_bytes;
  if (whole > blocks_size_) {
    auto size = std::bit_ceil(whole);
    std::unique_ptr<char, freed> larger{
      static_cast<char*>(std::aligned_alloc(block_bytes, size))};
    if (!larger)
      throw std::bad_alloc{};
    std::copy_n(blocks_.get(), before, larger.get());
    blocks_ = std::move(larger);
    blocks_size_ = size;
  }
  std::copy(bytes.begin(), bytes.end(), blocks_.get() + before);
  std::fill(blocks_.get() + used, blocks_.get() + whole, '\0');
  return {blocks_.get(), whole};
}

result<void> wal_file::write_all(std::string_view bytes, std::size_t at) {
  for (std::size_t done = 0; done < bytes.size();) {
    auto n =
      ::pwrite(fd_, bytes.data() + done, bytes.size() - done, off_t(at + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EINVAL && std::exchange(direct_, false)
        && ::fcntl(fd_, F_SETFL, 0) == 0)
      continue; // a file system that promised more than it can
    if (n <= 0)
      return storage_error(n < 0 ? errno : ENOSPC);
    done += std::size_t(n);
  }
  return {};
}

} // namespace callboard
