// Pages and sectors with a will of their own.
#include "tests/power_loss/disk.hpp"

#include <algorithm>
#include <cassert>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

namespace callboard::test {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t sector_bytes = 512;

void overlay(std::string& onto, std::uint64_t onto_offset,
             std::string_view bytes, std::uint64_t offset) {
  auto begin = std::max(onto_offset, offset);
  auto end = std::min(onto_offset + onto.size(), offset + bytes.size());
  if (begin < end)
    std::copy_n(bytes.begin() + std::ptrdiff_t(begin - offset), end - begin,
                onto.begin() + std::ptrdiff_t(begin - onto_offset));
}

std::string folder_of(const std::string& path) {
  return fs::path{path}.parent_path().string();
}

} // namespace

disk_image read_image(const fs::path& folder) {
  disk_image out;
  for (auto& entry : fs::recursive_directory_iterator{folder})
    if (entry.is_regular_file()) {
      std::ifstream in{entry.path(), std::ios::binary};
      out[entry.path().lexically_relative(folder).string()] = {
        std::istreambuf_iterator<char>{in}, {}};
    }
  return out;
}

void write_image(const disk_image& image, const fs::path& folder) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (auto& [path, bytes] : image) {
    fs::create_directories((folder / path).parent_path());
    std::ofstream out{folder / path, std::ios::binary};
    out.write(bytes.data(), std::streamsize(bytes.size()));
    if (!out.flush())
      throw std::runtime_error("cannot write an image to " + folder.string());
  }
}

disk::disk(const disk_image& initial) : names_(numbers_of(initial)) {
  for (auto& [path, bytes] : initial)
    files_[names_.at(path)].durable = bytes;
  durable_names_ = names_;
}

std::map<std::string, std::uint64_t>
disk::numbers_of(const disk_image& initial) {
  std::map<std::string, std::uint64_t> out;
  for (auto& [path, _] : initial)
    out[path] = UINT64_MAX - out.size(); // new files count from below
  return out;
}

void disk::apply(const disk_op& op) {
  switch (op.what) {
    case disk_op::kind::write:
      files_[op.file].pending.push_back({op.offset, op.bytes});
      break;
    case disk_op::kind::write_through: {
      // Earlier writes to the same bytes cannot come out later.
      auto& durable = files_[op.file].durable;
      durable.resize(
        std::max<std::size_t>(durable.size(), op.offset + op.bytes.size()));
      overlay(durable, 0, op.bytes, op.offset);
      for (auto& earlier : files_[op.file].pending)
        overlay(earlier.bytes, earlier.offset, op.bytes, op.offset);
      break;
    }
    case disk_op::kind::flush: {
      auto& [durable, pending, cut] = files_[op.file];
      for (auto& [offset, bytes] : pending) {
        durable.resize(
          std::max<std::size_t>(durable.size(), offset + bytes.size()));
        overlay(durable, 0, bytes, offset);
      }
      pending.clear();
      if (cut)
        durable.resize(std::min<std::size_t>(durable.size(), *cut));
      cut.reset();
      break;
    }
    case disk_op::kind::failed_flush:
      files_[op.file].pending.clear();
      files_[op.file].cut.reset();
      break;
    case disk_op::kind::cut: files_[op.file].cut = op.offset; break;
    case disk_op::kind::exchange:
    case disk_op::kind::create:
    case disk_op::kind::rename:
    case disk_op::kind::remove: change_names(op); break;
    case disk_op::kind::nothing: break;
    case disk_op::kind::sync_folder: {
      auto last = std::find_if(
        pending_names_.rbegin(), pending_names_.rend(),
        [&](const name_change& change) { return change.folder == op.path; });
      if (last == pending_names_.rend())
        break;
      durable_names_ = last->names;
      pending_names_.erase(pending_names_.begin(), last.base());
      break;
    }
  }
}

void disk::change_names(const disk_op& op) {
  if (op.what == disk_op::kind::create) {
    names_[op.path] = op.file;
    files_[op.file];
  } else if (op.what == disk_op::kind::exchange)
    std::swap(names_.at(op.path), names_.at(op.target));
  else {
    auto gone = names_.extract(op.path);
    assert(!gone.empty());
    if (op.what == disk_op::kind::rename)
      names_[op.target] = gone.mapped();
  }
  pending_names_.push_back({folder_of(op.path), names_});
}

disk_image disk::crash(random_source& random,
                       const disk_op* in_progress) const {
  disk copy = *this;
  if (in_progress != nullptr) {
    auto op = *in_progress;
    if (op.what == disk_op::kind::write_through)
      op.what = disk_op::kind::write;
    if (op.what == disk_op::kind::write)
      copy.apply(op);
  }
  auto& changes = copy.pending_names_;
  auto done = below(random, changes.size() + 1);
  auto& names = done == 0 ? copy.durable_names_ : changes[done - 1].names;
  // Extremes too: nothing of it, or all but a page.
  constexpr double chances[] = {0.0, 0.05, 0.5, 0.95, 1.0};
  auto kept = chances[below(random, std::size(chances))];
  disk_image out;
  for (auto& [path, number] : names)
    out[path] = survivor(random, copy.files_.at(number), kept);
  return out;
}

std::string disk::survivor(random_source& random, const file_state& file,
                           double kept) {
  std::set<std::uint64_t> pages;
  for (auto& [offset, bytes] : file.pending)
    for (auto at = offset / page_bytes * page_bytes; at < offset + bytes.size();
         at += page_bytes)
      pages.insert(at);
  auto out = file.durable;
  std::bernoulli_distribution is_kept{kept};
  for (auto page : pages) {
    // All ages of the page, the durable one first.
    std::vector<std::string> ages{std::string(page_bytes, '\0')};
    overlay(ages.back(), page, file.durable, 0);
    std::uint64_t end = 0; // of what was written to it
    for (auto& [offset, bytes] : file.pending)
      if (offset < page + page_bytes && offset + bytes.size() > page) {
        ages.push_back(ages.back());
        overlay(ages.back(), page, bytes, offset);
        end = std::max(end, std::min(page + page_bytes, offset + bytes.size()));
      }
    auto some_age = [&] {
      if (below(random, 8) == 0)
        return below(random, ages.size());
      return is_kept(random) ? ages.size() - 1 : std::size_t{0};
    };
    auto whole = some_age();
    bool torn = below(random, 4) == 0;
    for (auto at = page; at < end; at += sector_bytes) {
      auto age = torn ? some_age() : whole;
      if (age == 0)
        continue; // as it was, or not there
      auto until = std::min(end, at + sector_bytes);
      out.resize(std::max<std::size_t>(out.size(), until));
      std::copy_n(ages[age].begin() + std::ptrdiff_t(at - page), until - at,
                  out.begin() + std::ptrdiff_t(at));
    }
  }
  if (file.cut && below(random, 2) == 0)
    out.resize(std::min<std::size_t>(out.size(), *file.cut));
  return out;
}

} // namespace callboard::test
