// flock, and a file of `key value` lines.
#include "persistence/data_folder.hpp"

#include "persistence/blocks.hpp"
#include "persistence/wal_file.hpp"
#include "persistence/wal_salt.hpp"
#include "persistence/whole_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <sstream>
#include <utility>

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
  if (!identity.complete.empty())
    out << "complete " << identity.complete << '\n';
  return out.str() + sum_of(out.str());
}

/// What the last system call said of `path`. Returns its error as one of ours.
errc refused(const fs::path& path, int code, std::string* diagnosis) {
  if (diagnosis != nullptr)
    *diagnosis = storage_complaint(path, code);
  return storage_error(code);
}

/// What cannot be looked at is not missing: who opens it says why.
bool is_missing(const fs::path& path) {
  std::error_code failed;
  return !fs::exists(path, failed) && !failed;
}

std::string missing(const fs::path& path) {
  return path.string()
         + " is missing: put it back, or a copy of the whole directory in the "
           "place of this one";
}

} // namespace

void data_folder::closer::operator()(const int* fd) const noexcept {
  ::close(*fd); // and with it the lock
  delete fd;
}

result<node_identity> data_folder::inspect(const fs::path& path,
                                           std::string* diagnosis) {
  auto text = read_whole(path / "node");
  if (!text)
    return refused(path / "node", errno, diagnosis);
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
    else if (key == "complete")
      in >> out.complete;
    else
      return errc::unknown_format;
  if (version != format_version || out.partitions == 0
      || out.cluster_id.empty())
    return errc::unknown_format;
  return out;
}

result<data_folder> data_folder::open(const fs::path& path,
                                      const node_identity& if_new,
                                      std::string* diagnosis) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed)
    return refused(path, failed.value(), diagnosis);
  data_folder out;
  out.path_ = path;
  if (auto mine = out.lock(LOCK_EX, diagnosis); !mine)
    return mine.error();
  auto known = inspect(path, diagnosis);
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
      return refused(path / "node", errno, diagnosis);
    known = identity;
  }
  if (!known)
    return known.error();
  out.identity_ = *known;
  return out;
}

result<data_folder> data_folder::open_to_read(const fs::path& path,
                                              std::string* diagnosis) {
  auto known = inspect(path, diagnosis);
  if (!known)
    return known.error();
  data_folder out;
  out.path_ = path;
  out.identity_ = *known;
  if (auto mine = out.lock(LOCK_SH, diagnosis); !mine)
    return mine.error();
  return out;
}

std::optional<std::string> data_folder::missing_store() const {
  if (identity_.complete.empty())
    return std::nullopt;
  if (is_missing(store()))
    return missing(store());
  auto file = store() / "data.mdb";
  if (is_missing(file))
    return missing(file);
  // LMDB takes an empty one for new.
  std::error_code failed;
  bool empty = fs::file_size(file, failed) == 0 && !failed;
  return empty ? std::optional{file.string()
                               + " is empty: put a copy of the whole directory "
                                 "in the place of this one"}
               : std::nullopt;
}

std::optional<std::string> data_folder::missing_log() const {
  if (identity_.complete.empty())
    return std::nullopt;
  if (is_missing(wal()))
    return missing(wal());
  auto file = wal() / "salt";
  auto salt = wal_salt::load(wal());
  if (!salt) // who opens the log says why
    return std::nullopt;
  if (!*salt)
    return missing(file);
  if ((*salt)->fingerprint() != identity_.complete)
    return file.string()
           + " is that of another log: put this directory's own back, or a "
             "copy of the whole directory in the place of this one";
  return std::nullopt;
}

result<void> data_folder::set_complete() {
  auto salt = wal_salt::load(wal());
  if (!salt)
    return salt.error();
  if (!*salt)
    return errc::not_found;
  auto fingerprint = (*salt)->fingerprint();
  if (identity_.complete == fingerprint)
    return {};
  // The log sees to its own names; LMDB to none.
  for (auto& folder : {store(), path_})
    if (auto done = sync_folder(folder); !done)
      return done;
  return say_complete(fingerprint);
}

result<void> data_folder::set_incomplete() {
  return identity_.complete.empty() ? result<void>{} : say_complete({});
}

result<void> data_folder::say_complete(const std::string& fingerprint) {
  auto next = identity_;
  next.complete = fingerprint;
  // Damage may have to be put aside on a full disk.
  if (auto done = rewrite_whole(path_ / "node", text_of(next)); !done)
    return done;
  identity_ = std::move(next);
  return {};
}

result<void> data_folder::lock(int how, std::string* diagnosis) {
  auto file = path_ / "lock";
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 && how == LOCK_SH && (errno == EACCES || errno == EROFS)) {
    fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
      return {}; // who serves it would have made one
  }
  if (fd < 0)
    return refused(file, errno, diagnosis);
  lock_.reset(new int{fd});
  return ::flock(fd, how | LOCK_NB) == 0 ? result<void>{} : errc::locked;
}

} // namespace callboard
