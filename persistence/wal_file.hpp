// One file of the wal: frames in, frames out, and what a damaged one is.
#pragma once

#include "actors/core/error.hpp"
#include "persistence/journal.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// A file of fixed size, written with zeros before it is used and recycled
/// afterwards: an overwrite needs one flush, a growing file a journal commit
/// too. It holds frames, one behind the other, from offset 0, each at a
/// multiple of 8:
///
///     magic 4 | checksum 4 | length 4 | file 4 | number 8 | `length` bytes
///
/// A frame is what one flush made durable: `{length 4, partition 2, kind 1, 0,
/// term 8, index 8, body}...`. The checksum (32 bits of XXH3) covers all behind
/// it. Frames are numbered without a gap over all files, and a frame is written
/// only after the flush of the one before it: so a bad frame with a good, later
/// one behind it is damage, and a bad frame without one is the torn end of a
/// flush that nobody was told of. `file` is half of `wal_salt::of_file`, all of
/// which seeds the checksum: frames of the file's earlier lives are none,
/// nor is what a client would like to pass for one. All integers little-endian.
namespace wal_format {

inline constexpr std::uint32_t magic = 0x31574243; // "CBW1"
inline constexpr std::size_t frame_head_bytes = 24;
inline constexpr std::size_t entry_head_bytes = 24;

/// Bytes of the frame of these entries.
std::size_t frame_bytes(std::span<const journal_entry> entries) noexcept;

/// Makes `out` the frame of these entries. `file`, here and below: what
/// `wal_salt::of_file` says.
void write_frame(std::string& out, std::uint64_t file, std::uint64_t number,
                 std::span<const journal_entry> entries);

/// A good frame at `at`: its number and the bytes of its entries.
struct frame {
  std::uint64_t number = 0;
  std::string_view entries;
  std::size_t end = 0; // where the next one begins
};

/// Nothing if there is no frame of this life of the file, or its checksum is
/// wrong.
std::optional<frame> read_frame(std::string_view bytes, std::uint64_t file,
                                std::size_t at);

/// The first good frame behind `at` with at least this number.
std::optional<frame> find_frame(std::string_view bytes, std::uint64_t file,
                                std::size_t at, std::uint64_t number);

/// An entry as it lies in a frame.
struct entry_view {
  partition_id partition;
  log_index index;
  std::uint64_t term = 0;
  std::string_view body;
};

/// All entries of a frame. Errors: corrupt (its lengths do not add up).
result<std::vector<entry_view>> read_entries(std::string_view entries);

} // namespace wal_format

/// An open wal file that is written to, past the page cache where the file
/// system can do that: what is flushed at once need not be copied there first.
/// Move-only.
class wal_file {
public:
  /// Makes a file of `bytes` zeros, flushed piece by piece. Errors:
  /// storage_full, storage_failed; then there is no such file.
  static result<wal_file> make(const std::filesystem::path& path,
                               std::size_t bytes);

  /// Opens one to be written from its beginning.
  static result<wal_file> open(const std::filesystem::path& path);

  bool fits(std::size_t bytes) const noexcept { return at_ + bytes <= size_; }

  /// Where the next `write` begins.
  std::size_t at() const noexcept { return at_; }

  /// Writes behind what was written, and flushes. After an error the file must
  /// not be written to again: what the kernel has of it is unknown.
  result<void> write(std::string_view bytes);

  wal_file(wal_file&& other) noexcept;
  wal_file& operator=(wal_file&& other) noexcept;
  ~wal_file();

private:
  struct freed {
    void operator()(char* memory) const noexcept;
  };

  wal_file(int fd, std::size_t size) : fd_(fd), size_(size) {}

  void try_direct();
  std::string_view as_blocks(std::string_view bytes);
  result<void> write_all(std::string_view bytes, std::size_t at);

  int fd_ = -1;
  std::size_t size_ = 0;
  std::size_t at_ = 0;
  bool direct_ = false;
  std::unique_ptr<char, freed> blocks_; // begins with the last one written
  std::size_t blocks_size_ = 0;
};

/// Makes what was written to a file durable. Errors: storage_full,
/// storage_failed; `errno` says why.
result<void> sync_file(const std::filesystem::path& file);

/// Makes names in a folder durable. Errors: storage_failed; `errno` says why.
result<void> sync_folder(const std::filesystem::path& folder);

/// The errno of a failed write as one of ours.
errc storage_error(int code) noexcept;

/// A full disk also shows as another error, where LMDB reports a short write.
errc true_cause(errc why, const std::filesystem::path& folder);

/// "PATH: the reason", and what to do about it where that is plain. `code`: an
/// errno.
std::string storage_complaint(const std::filesystem::path& path, int code);

} // namespace callboard
