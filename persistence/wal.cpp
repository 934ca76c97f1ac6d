// Reading back what was flushed; going from file to file.
#include "persistence/wal.hpp"

#include "persistence/mapped_file.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <utility>

namespace callboard {

namespace fs = std::filesystem;
using namespace wal_format;

namespace {

constexpr std::size_t spares_max = 3;

/// Only partition 0 can be read again, and has its log for itself.
template <class Entries>
std::vector<log_index> readable(const Entries& entries) {
  std::vector<log_index> out;
  for (auto& entry : entries) {
    assert(entry.partition == partition_id{0});
    out.push_back(entry.index);
  }
  return out;
}

struct found_file {
  std::uint64_t sequence = 0;
  fs::path path;
  std::optional<std::uint64_t> first; // number of its first frame, if good
};

std::optional<std::uint64_t> sequence_of(const fs::path& path) {
  auto name = path.stem().string();
  std::uint64_t n = 0;
  auto [end, failed] =
    std::from_chars(name.data(), name.data() + name.size(), n);
  if (failed != std::errc{} || end != name.data() + name.size())
    return std::nullopt;
  return n;
}

/// None if there is no such folder. Errors: storage_failed; `errno` says why.
result<std::vector<found_file>> files_in(const fs::path& folder,
                                         const char* extension) {
  std::vector<found_file> out;
  std::error_code failed;
  fs::directory_iterator at{folder, failed};
  for (; !failed && at != fs::directory_iterator{}; at.increment(failed))
    if (auto n = sequence_of(at->path());
        n && at->path().extension() == extension)
      out.push_back({*n, at->path(), std::nullopt});
  if (failed && failed != std::errc::no_such_file_or_directory) {
    errno = failed.value();
    return errc::storage_failed;
  }
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return x.sequence < y.sequence; });
  return out;
}

/// Reads files in order; see `wal_format` for what is damage and what is not.
class reader {
public:
  explicit reader(const wal::visitor& visit, wal_sections* sections = nullptr)
      : visit_(visit), sections_(sections) {}

  /// Finds the files, their salt, and where each begins.
  result<void> begin(const fs::path& folder) {
    auto found = files_in(folder, ".wal");
    if (!found) {
      seen.problem = storage_complaint(folder, errno);
      return found.error();
    }
    files = std::move(*found);
    if (auto known = find_salt(folder); !known)
      return known;
    for (auto& file : files) {
      auto bytes = open(file);
      if (!bytes)
        return bytes.error();
      if (auto frame = read_frame(bytes->bytes(), life_of(file), 0)) {
        file.first = frame->number;
        if (next_frame == 0)
          next_frame = frame->number;
      }
    }
    return {};
  }

  /// The number from which on a later file has the frames of this one again.
  std::uint64_t void_from(std::size_t k) const {
    for (auto j = k + 1; j < files.size(); ++j)
      if (files[j].first && files[k].first
          && *files[j].first >= *files[k].first)
        return *files[j].first;
    return UINT64_MAX;
  }

  result<void> read_file(std::size_t k,
                         std::map<partition_id, log_index>& last) {
    auto file = open(files[k]);
    if (!file)
      return file.error();
    auto bytes = file->bytes();
    auto life = life_of(files[k]);
    auto end = void_from(k);
    std::size_t at = 0;
    if (!files[k].first && find_frame(bytes, life, at, 0))
      return damaged(k, at, "a bad frame");
    while (next_frame < end) {
      auto frame = read_frame(bytes, life, at);
      if (!frame) {
        // A torn end, an unused rest: unless more comes behind it.
        if (end == UINT64_MAX && !find_frame(bytes, life, at, next_frame))
          return {};
        return damaged(k, at, "a bad frame");
      }
      if (frame->number != next_frame)
        return damaged(k, at, "a frame out of order");
      auto entries = read_entries(frame->entries);
      if (!entries)
        return damaged(k, at, "entries whose lengths do not add up");
      for (auto& entry : *entries) {
        last[entry.partition] = std::max(last[entry.partition], entry.index);
        if (auto taken = visit_(entry); !taken)
          return taken;
        ++seen.entries;
      }
      if (sections_)
        sections_->add(files[k].sequence, at, frame->end - at,
                       readable(*entries));
      ++seen.frames;
      ++next_frame;
      at = frame->end;
    }
    return {};
  }

  result<void> damaged(std::size_t k, std::size_t at, const char* what) {
    seen.problem = files[k].path.string() + ": " + what + " at byte "
                   + std::to_string(at) + " where frame "
                   + std::to_string(next_frame) + " was flushed";
    return errc::corrupt;
  }

private:
  /// Without one the frames could not be told from other bytes, and all of them
  /// would pass for a file's unused rest.
  result<void> find_salt(const fs::path& folder) {
    auto file = folder / "salt";
    auto found = wal_salt::load(folder);
    if (found && (*found || files.empty())) {
      salt = *found;
      return {};
    }
    auto why = found ? errc::corrupt : found.error();
    seen.problem = why != errc::corrupt ? storage_complaint(file, errno)
                   : found              ? file.string() + " is missing"
                                        : file.string() + " is damaged";
    return why;
  }

  std::uint64_t life_of(const found_file& file) const {
    return salt->of_file(file.sequence);
  }

  result<mapped_file> open(const found_file& file) {
    auto out = mapped_file::open(file.path);
    if (!out)
      seen.problem = storage_complaint(file.path, errno);
    return out ? std::move(out) : errc::storage_failed;
  }

  const wal::visitor& visit_;
  wal_sections* sections_;

public:
  std::optional<wal_salt> salt; // none: there are no files either
  std::vector<found_file> files;
  std::uint64_t next_frame = 0;
  wal::findings seen;
};

} // namespace

wal::wal(wal_options options) : options_(std::move(options)) {
  if (options_.readable_from)
    sections_.emplace(*options_.readable_from);
}

fs::path wal::path_of(std::uint64_t sequence, const char* extension) const {
  auto name = std::to_string(sequence);
  name.insert(0, 12 - std::min<std::size_t>(12, name.size()), '0');
  return options_.folder / (name + extension);
}

wal::findings wal::inspect(const fs::path& folder, const visitor& visit) {
  reader from{visit};
  if (!from.begin(folder))
    return from.seen;
  from.seen.files = from.files.size();
  std::map<partition_id, log_index> ignored;
  for (std::size_t k = 0; k < from.files.size(); ++k)
    if (auto done = from.read_file(k, ignored); !done) {
      if (from.seen.problem.empty())
        from.seen.problem = from.files[k].path.string() + ": "
                            + std::string{to_string(done.error())};
      break;
    }
  return from.seen;
}

result<std::unique_ptr<wal>> wal::open(const wal_options& options,
                                       const visitor& visit,
                                       std::string& diagnosis) {
  auto refused = [&](int code) {
    diagnosis = storage_complaint(options.folder, code);
    return storage_error(code);
  };
  std::error_code failed;
  fs::create_directories(options.folder, failed);
  if (failed)
    return refused(failed.value());
  std::unique_ptr<wal> out{new wal{options}};
  reader from{visit, out->sections_ ? &*out->sections_ : nullptr};
  if (auto begun = from.begin(options.folder); !begun) {
    diagnosis = from.seen.problem;
    return begun.error();
  }
  if (!from.salt) // it is new, and so is its name
    if (auto done = sync_folder(options.folder.parent_path()); !done)
      return refused(errno);
  for (std::size_t k = 0; k < from.files.size(); ++k) {
    out->files_.push_back({from.files[k].sequence, {}});
    if (auto done = from.read_file(k, out->files_.back().last); !done) {
      diagnosis = from.seen.problem;
      return done.error();
    }
    if (auto done = sync_file(from.files[k].path); !done) {
      diagnosis = storage_complaint(from.files[k].path, errno);
      return done.error();
    }
    out->next_sequence_ = from.files[k].sequence + 1;
  }
  out->next_frame_ = std::max<std::uint64_t>(from.next_frame, 1);
  auto spares = files_in(options.folder, ".spare");
  if (!spares)
    return refused(errno);
  for (auto& spare : *spares) {
    // A file whose making was cut short, or of another size, is of no use.
    if (fs::file_size(spare.path, failed) == options.file_bytes)
      out->spares_.push_back(spare.path);
    else
      fs::remove(spare.path, failed);
    out->next_sequence_ = std::max(out->next_sequence_, spare.sequence + 1);
  }
  if (auto done = out->prepare(1); !done && from.files.empty())
    return refused(errno);
  auto salt = from.salt ? *from.salt : wal_salt::make(options.folder);
  if (!salt)
    return refused(errno);
  out->salt_ = *salt;
  return out;
}

result<void> wal::append(std::span<const journal_entry> entries) {
  auto bytes = frame_bytes(entries);
  assert(bytes <= options_.file_bytes);
  if (current_ && !current_->fits(bytes))
    current_.reset();
  std::size_t at = 0;
  // A file that failed is given up; the frame is tried once in another one.
  for (bool second : {false, true}) {
    if (!current_)
      if (auto begun = begin_file(); !begun)
        return begun;
    at = current_->at();
    write_frame(frame_, salt_.of_file(current_sequence_), next_frame_, entries);
    auto written = current_->write(frame_);
    if (written)
      break;
    give_up_file();
    if (second)
      return written;
  }
  ++next_frame_;
  std::lock_guard lock{mutex_};
  for (auto& entry : entries) {
    auto& last = files_.back().last[entry.partition];
    last = std::max(last, entry.index);
  }
  if (sections_)
    sections_->add(current_sequence_, at, frame_.size(), readable(entries));
  return {};
}

void wal::give_up_file() {
  current_.reset();
  std::lock_guard lock{mutex_};
  writing_ = false;
}

result<void> wal::begin_file() {
  if (auto ready = prepare(1); !ready)
    return ready;
  std::lock_guard lock{mutex_};
  auto sequence = next_sequence_++;
  auto path = path_of(sequence, ".wal");
  std::error_code failed;
  fs::rename(spares_.back(), path, failed);
  if (failed)
    return storage_error(failed.value());
  spares_.pop_back();
  files_.push_back({sequence, {}});
  // Its name first: a frame in a file that a power loss takes away is lost.
  if (auto done = sync_folder(options_.folder); !done)
    return done;
  auto file = wal_file::open(path);
  if (!file)
    return file.error();
  current_.emplace(std::move(*file));
  current_sequence_ = sequence;
  writing_ = true;
  return {};
}

result<void> wal::prepare(std::size_t spares) {
  for (;;) {
    fs::path path;
    {
      std::lock_guard lock{mutex_};
      if (spares_.size() >= spares)
        return {};
      path = path_of(next_sequence_++, ".spare");
    }
    auto made = wal_file::make(path, options_.file_bytes);
    if (!made)
      return made.error();
    std::lock_guard lock{mutex_};
    spares_.push_back(path);
  }
}

void wal::release(const std::vector<log_index>& flushed,
                  const wal_retention& keep) {
  while (release_one(flushed, keep)) // whoever appends waits for one at most
    ;
}

bool wal::release_one(const std::vector<log_index>& flushed,
                      const wal_retention& keep) {
  std::lock_guard lock{mutex_};
  auto in_lmdb = [&](const used_file& file) {
    return std::all_of(file.last.begin(), file.last.end(), [&](auto& entry) {
      auto p = entry.first.value;
      return p < flushed.size() && entry.second <= flushed[p];
    });
  };
  auto end = files_.end() - (writing_ ? 1 : 0);
  auto needless = std::uint64_t(std::find_if_not(files_.begin(), end, in_lmdb)
                                - files_.begin());
  if (needless == 0)
    return false;
  auto& oldest = files_.front();
  auto last = oldest.last.find({0});
  bool wanted = last != oldest.last.end() && last->second >= keep.from;
  if (wanted && needless * options_.file_bytes <= keep.bytes_max)
    return false;
  std::error_code failed;
  auto path = path_of(oldest.sequence, ".wal");
  auto spare = path_of(oldest.sequence, ".spare");
  bool recycle = spares_.size() < spares_max
                 && fs::file_size(path, failed) == options_.file_bytes;
  if (recycle)
    fs::rename(path, spare, failed);
  else
    fs::remove(path, failed);
  if (failed)
    return false; // tried again with the next flush
  if (recycle)
    spares_.push_back(spare);
  if (sections_)
    sections_->drop(oldest.sequence);
  files_.pop_front();
  return true;
}

std::uint64_t wal::bytes() const {
  std::lock_guard lock{mutex_};
  return (files_.size() + spares_.size()) * options_.file_bytes;
}

} // namespace callboard
