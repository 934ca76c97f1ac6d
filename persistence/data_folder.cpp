// flock, and a file of `key value` lines.
#include "persistence/data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
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

/// Durable under its final name, or not there at all.
bool write_whole(const fs::path& path, const std::string& text) {
  auto temporary = path;
  temporary += ".new";
  int fd =
    ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    return false;
  bool good = ::write(fd, text.data(), text.size()) == ssize_t(text.size())
              && ::fsync(fd) == 0;
  good = ::close(fd) == 0 && good;
  if (!good || ::rename(temporary.c_str(), path.c_str()) != 0)
    return false;
  int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY);
  good = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0)
    ::close(folder);
  return good;
}

} // namespace

void data_folder::closer::operator()(const int* fd) const noexcept {
  ::close(*fd); // and with it the lock
  delete fd;
}

result<node_identity> data_folder::inspect(const fs::path& path) {
  std::ifstream in{path / "node"};
  if (!in)
    return errc::not_found;
  node_identity out;
  int version = 0;
  for (std::string key; in >> key;)
    if (key == "format")
      in >> version;
    else if (key == "partitions")
      in >> out.partitions;
    else if (key == "cluster")
      in >> out.cluster_id;
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
  int fd = ::open((path / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return errc::storage_failed;
  out.lock_.reset(new int{fd});
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return errc::locked;
  auto known = inspect(path);
  if (!known && known.error() == errc::not_found) {
    auto identity = if_new;
    identity.cluster_id = random_id();
    if (!write_whole(path / "node",
                     "format " + std::to_string(format_version)
                       + "\npartitions " + std::to_string(identity.partitions)
                       + "\ncluster " + identity.cluster_id + "\n"))
      return errc::storage_failed;
    known = identity;
  }
  if (!known)
    return known.error();
  out.identity_ = *known;
  return out;
}

} // namespace callboard
