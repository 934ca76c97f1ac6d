// A disk that fails: which system calls, how, and what they tell.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace callboard::test {

/// A disk that fails for a while. What is counted, from 1: system calls that
/// open a file to be made, write, flush, rename or cut short something whose
/// path begins with `below`. Those numbered [first, first + count) fail with
/// the errno `code`; 0: a write writes half of what it should, anything else
/// fails with EIO.
struct disk_fault {
  std::string below; // "wal/", "store/"; empty: everything
  std::size_t first = 1;
  std::size_t count = SIZE_MAX; // as long as nobody calls `heal`
  int code = 0;
  bool done = false; // the first of them is done, and then told to have failed
  bool full = false; // only what makes a file or lets it grow, as a full disk
};

/// Counts calls and says which ones fail.
class failing_calls {
public:
  void begin(disk_fault what) {
    fault_ = std::move(what);
    calls_ = failures_ = 0;
  }

  void end() { fault_.reset(); }

  std::size_t calls() const noexcept { return calls_; }

  std::size_t failures() const noexcept { return failures_; }

  /// Only what lets a file grow fails.
  bool full() const noexcept { return fault_ && fault_->full; }

  /// Whether the call that is made now on this path fails; sets errno.
  bool fails(const std::string& path) {
    if (!fault_ || !path.starts_with(fault_->below))
      return false;
    auto number = ++calls_;
    if (number < fault_->first || number - fault_->first >= fault_->count)
      return false;
    ++failures_;
    errno = code();
    return true;
  }

  /// Whether the call that fails is done all the same.
  bool done() const { return fault_->done && calls_ == fault_->first; }

  /// How much a failing write of `count` bytes writes all the same.
  std::size_t part(std::size_t count) const {
    if (done())
      return count;
    return fault_->code == 0 && count > 1 ? count / 2 : 0;
  }

  /// What a write tells that fails and yet wrote something.
  ssize_t told(ssize_t written) const {
    if (fault_->code == 0 && !done())
      return written; // it was cut short
    errno = code();
    return -1;
  }

private:
  int code() const { return fault_->code != 0 ? fault_->code : EIO; }

  std::optional<disk_fault> fault_;
  std::size_t calls_ = 0; // that the fault counts
  std::size_t failures_ = 0;
};

} // namespace callboard::test
