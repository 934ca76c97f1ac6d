// What a recorder knows while it lives; of one process.
#pragma once

#include "tests/power_loss/disk.hpp"
#include "tests/power_loss/faults.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace callboard::test {

/// The C library's own function of this name.
template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

struct open_file {
  std::uint64_t number = 0;
  bool through = false;              // O_DSYNC
  std::optional<std::string> folder; // it is one
  std::string path;                  // when it was opened
};

/// What is being recorded. Held locked across the real call.
struct recording {
  std::mutex mutex;
  bool active = false;
  std::string root; // ends with a slash
  std::vector<disk_op> ops;
  std::map<std::string, std::uint64_t> names;
  std::unordered_map<int, open_file> open_files;
  std::uint64_t next_number = 1;
  failing_calls faults;

  bool fails(const std::string& path) { return active && faults.fails(path); }

  bool write_fails(int fd, std::size_t end) {
    auto* what = file(fd);
    struct stat now{};
    if (what == nullptr
        || (faults.full() && ::fstat(fd, &now) == 0
            && end <= std::size_t(now.st_size)))
      return false;
    return fails(what->path);
  }

  bool flush_fails(int fd) {
    auto* what = file(fd);
    return what != nullptr && !faults.full() && fails(what->path);
  }

  /// The path below the root, if it is one.
  std::optional<std::string> inside(const char* path) const {
    std::string full{path};
    if (!active)
      return std::nullopt;
    if (full + "/" == root)
      return std::string{};
    if (full.compare(0, root.size(), root) != 0)
      return std::nullopt;
    return full.substr(root.size());
  }

  open_file* file(int fd) {
    auto found = open_files.find(fd);
    return active && found != open_files.end() ? &found->second : nullptr;
  }

  void opened(int fd, const std::string& path, int flags, bool existed) {
    if ((flags & O_DIRECTORY) != 0) {
      open_files[fd] = {0, false, path, path + "/"};
      return;
    }
    if (!existed || (flags & O_TRUNC) != 0) {
      names[path] = next_number;
      ops.push_back({disk_op::kind::create, next_number++, 0, {}, path, {}});
    }
    open_files[fd] = {names.at(path), (flags & O_DSYNC) != 0, std::nullopt,
                      path};
  }

  void wrote(int fd, const char* bytes, std::size_t count, off_t offset) {
    if (auto* to = file(fd); to != nullptr && count > 0)
      ops.push_back(
        {to->through ? disk_op::kind::write_through : disk_op::kind::write,
         to->number,
         std::uint64_t(offset),
         {bytes, count},
         {},
         {}});
  }

  void flushed(int fd) {
    if (auto* what = file(fd)) {
      if (what->folder)
        ops.push_back(
          {disk_op::kind::sync_folder, 0, 0, {}, *what->folder, {}});
      else
        ops.push_back({disk_op::kind::flush, what->number, 0, {}, {}, {}});
    }
  }

  void not_flushed(int fd) {
    if (auto* what = file(fd); what != nullptr && !what->folder)
      ops.push_back({disk_op::kind::failed_flush, what->number, 0, {}, {}, {}});
  }

  void renamed(const char* from, const char* to) {
    auto source = inside(from);
    auto target = inside(to);
    if (!source || !target)
      return;
    auto known = names.extract(*source);
    if (known.empty())
      return; // a folder
    names[*target] = known.mapped();
    ops.push_back(
      {disk_op::kind::rename, known.mapped(), 0, {}, *source, *target});
  }

  void exchanged(const char* one, const char* other) {
    auto source = inside(one);
    auto target = inside(other);
    if (!source || !target)
      return;
    std::swap(names.at(*source), names.at(*target));
    ops.push_back({disk_op::kind::exchange, 0, 0, {}, *source, *target});
  }

  void cut(int fd, off_t size) {
    if (auto* what = file(fd))
      ops.push_back(
        {disk_op::kind::cut, what->number, std::uint64_t(size), {}, {}, {}});
  }

  void removed(const char* path) {
    auto name = inside(path);
    if (!name || names.erase(*name) == 0)
      return;
    ops.push_back({disk_op::kind::remove, 0, 0, {}, *name, {}});
  }
};

// Never destroyed: files are closed after main, too.
inline recording& now() {
  static auto* it = new recording;
  return *it;
}

} // namespace callboard::test
