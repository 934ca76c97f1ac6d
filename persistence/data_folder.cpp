// flock, and a file of `key value` lines.
#include "persistence/data_folder.hpp"

#include "persistence/blocks.hpp"
#include "persistence/wal_file.hpp"
#include "persistence/whole_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <sstream>

namespace callboard {

namespace fs = std::filesystem;

namespace {

constexpr int format_version = 1;

std::string random_id() {
  std::random_device source;
  std::ostringstream out;
  for (int i = 0; i < 4; ++i) {
    out.width(8);
    out.fill('0');
    out << std::hex << source();
  }
  return out.str();
}

/// The last line: a checksum of those before it.
std::string sum_of(const std::string& lines) {
  std::ostringstream out;
  out << "sum " << std::hex << checksum(lines, 0) << '\n';
  return out.str();
}

std::string text_of(const node_identity& identity) {
  std::ostringstream out;
  out << "format " << format_version << "\npartitions " << identity.partitions
      << "\ncluster " << identity.cluster_id << '\n';
  if (identity.member != 0)
    out << "member " << identity.member << '\n';
  return out.str() + sum_of(out.str());
}

} // namespace

void data_folder::closer::operator()(const int* fd) const noexcept {
  ::close(*fd); // and with it the lock
  delete fd;
}

result<node_identity> data_folder::inspect(const fs::path& path) {
  auto text = read_whole(path / "node");
  if (!text)
    return text.error();
  if (!*text)
    return errc::not_found;
  // Directories of the first versions have no such line.
  auto lines = (*text)->substr(0, (*text)->rfind("sum "));
  if (lines != **text && **text != lines + sum_of(lines))
    return errc::corrupt;
  std::istringstream in{lines};
  node_identity out;
  int version = 0;
  for (std::string key; in >> key;)
    if (key == "format")
      in >> version;
    else if (key == "partitions")
      in >> out.partitions;
    else if (key == "cluster")
      in >> out.cluster_id;
    else if (key == "member")
      in >> out.member;
    else
      return errc::unknown_format;
  if (version != format_version || out.partitions == 0
      || out.cluster_id.empty())
    return errc::unknown_format;
  return out;
}

result<data_folder> data_folder::open(const fs::path& path,
                                      const node_identity& if_new) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed)
    return errc::storage_failed;
  data_folder out;
  out.path_ = path;
  if (auto mine = out.lock(LOCK_EX); !mine)
    return mine.error();
  auto known = inspect(path);
  if (!known && known.error() == errc::not_found) {
    // Its name, too, and those above it, which may be as new; they need not be
    // readable.
    for (auto at = fs::canonical(path, failed); at.has_relative_path();
         at = at.parent_path()) [[maybe_unused]]
      auto named = sync_folder(at.parent_path());
    auto identity = if_new;
    if (identity.cluster_id.empty())
      identity.cluster_id = random_id();
    if (auto done = write_whole(path / "node", text_of(identity)); !done)
      return done.error();
    known = identity;
  }
  if (!known)
    return known.error();
  out.identity_ = *known;
  return out;
}

result<data_folder> data_folder::open_to_read(const fs::path& path) {
  auto known = inspect(path);
  if (!known)
    return known.error();
  data_folder out;
  out.path_ = path;
  out.identity_ = *known;
  if (auto mine = out.lock(LOCK_SH); !mine)
    return mine.error();
  return out;
}

result<void> data_folder::lock(int how) {
  auto file = path_ / "lock";
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 && how == LOCK_SH && (errno == EACCES || errno == EROFS)) {
    fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
      return {}; // who serves it would have made one
  }
  if (fd < 0)
    return errc::storage_failed;
  lock_.reset(new int{fd});
  return ::flock(fd, how | LOCK_NB) == 0 ? result<void>{} : errc::locked;
}

} // namespace callboard
