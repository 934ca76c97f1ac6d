// Opening in the server's order; applying on the journal's thread.
#include "tests/power_loss/small_node.hpp"

#include "persistence/codec.hpp"
#include "persistence/replay.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace callboard::test {

namespace {

constexpr std::chrono::minutes deadline{1};

} // namespace

result<std::unique_ptr<small_node>>
small_node::open(const small_node_options& options, std::string& diagnosis) {
  std::unique_ptr<small_node> out{new small_node{options}};
  auto folder = data_folder::open(options.folder, {options.partitions, {}});
  if (!folder)
    return folder.error();
  out->folder_ = std::make_unique<data_folder>(std::move(*folder));
  for (auto& lost :
       {out->folder_->missing_store(), out->folder_->missing_log()})
    if (lost) {
      diagnosis = *lost;
      return errc::corrupt;
    }
  auto partitions = out->folder_->identity().partitions;
  auto db = store::open({.folder = out->folder_->store(),
                         .partitions = partitions,
                         .flush_bytes = options.flush_bytes,
                         .flush_in_background = options.flush_in_background});
  if (!db)
    return db.error();
  out->db_ = std::move(*db);
  auto files =
    wal::open({out->folder_->wal(), options.file_bytes},
              replay_into(*out->db_, options.replay_bytes), diagnosis);
  if (!files)
    return files.error();
  [[maybe_unused]] auto noted = out->folder_->set_complete();
  for (std::size_t p = 0; p < partitions; ++p)
    out->next_.push_back(out->db_->applied({p}));
  out->waiting_.resize(partitions);
  out->failed_.resize(partitions);
  auto* self = out.get();
  out->journal_ = std::make_unique<wal_journal>(
    std::move(*files), out->next_,
    journal_events{
      [self](partition_id p, log_index index) { self->flushed(p, index); },
      [self](partition_id p, errc) { self->failed(p); }});
  out->db_->on_flushed([self](const std::vector<log_index>& indexes) {
    self->journal_->release(indexes);
  });
  return out;
}

small_node::~small_node() {
  if (db_)
    db_->on_flushed({});
  journal_.reset();
}

bool small_node::append(partition_id p, record what) {
  journal_entry entry{p, {}, 1, encode(what)};
  auto bytes = entry.body.size() + 64;
  {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, deadline, [&] {
      return failed_[p.value] || waiting_bytes_ + bytes < options_.file_bytes;
    });
    if (failed_[p.value])
      return false;
    auto& next = next_[p.value];
    entry.index = next = {next.value + 1};
    waiting_bytes_ += bytes;
    waiting_[p.value].push_back({std::move(what), bytes});
  }
  journal_->append(std::move(entry));
  return true;
}

bool small_node::begin_again(partition_id p) {
  std::lock_guard lock{mutex_};
  next_[p.value] = db_->applied(p);
  bool was = failed_[p.value];
  failed_[p.value] = false;
  return was;
}

void small_node::failed(partition_id p) {
  std::lock_guard lock{mutex_};
  for (auto& lost : waiting_[p.value])
    waiting_bytes_ -= lost.bytes;
  waiting_[p.value].clear();
  failed_[p.value] = true;
  changed_.notify_all();
}

void small_node::flushed(partition_id p, log_index index) {
  std::lock_guard lock{mutex_};
  for (auto& queue = waiting_[p.value]; db_->applied(p) < index;) {
    auto& first = queue.front();
    db_->apply(p, {db_->applied(p).value + 1}, first.what, first.bytes);
    waiting_bytes_ -= first.bytes;
    queue.pop_front();
  }
  if (options_.acknowledged)
    options_.acknowledged(p, index);
  changed_.notify_all();
}

bool small_node::wait_for_all() {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, [&] { return waiting_bytes_ == 0; })
         && std::find(failed_.begin(), failed_.end(), true) == failed_.end();
}

void small_node::stop() {
  db_->on_flushed({});
  journal_.reset();
  [[maybe_unused]] auto done = db_->flush();
}

} // namespace callboard::test
