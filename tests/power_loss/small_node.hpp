// A node's storage without its actors: records in, and what a start finds
// again.
#pragma once

#include "persistence/data_folder.hpp"
#include "persistence/store.hpp"
#include "persistence/wal_journal.hpp"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace callboard::test {

struct small_node_options {
  std::filesystem::path folder;
  std::size_t partitions = 3;
  std::size_t file_bytes = std::size_t{128} << 10;
  std::size_t flush_bytes = std::size_t{64} << 10;
  std::size_t replay_bytes = std::size_t{64} << 20; // then LMDB takes them
  bool flush_in_background = true;
  /// Called on the journal's thread when entries are flushed.
  std::function<void(partition_id, log_index)> acknowledged;
};

/// Wired as the server wires it: recovery applies what the wal has and LMDB has
/// not; the journal's flush applies; the store's flush releases wal files.
class small_node {
public:
  /// Errors: as data_folder, store and wal; `diagnosis` says more.
  static result<std::unique_ptr<small_node>>
  open(const small_node_options& options, std::string& diagnosis);

  ~small_node();

  /// Queues a record; waits while more waits than a wal file takes. False: it
  /// is not taken, what was appended before it is lost; `begin_again` first.
  bool append(partition_id p, record what);

  /// Everything appended is flushed and applied, or lost. False: not within a
  /// minute, or some of it is lost.
  bool wait_for_all();

  /// What a partition does when its records are lost: it goes on behind the
  /// last one that is applied. Returns whether any were.
  bool begin_again(partition_id p);

  /// Like the server's stop: LMDB has everything, too.
  void stop();

  store& db() { return *db_; }

  const wal_journal& journal() const { return *journal_; }

  std::size_t partitions() const noexcept { return next_.size(); }

private:
  explicit small_node(const small_node_options& options) : options_(options) {}

  struct applicable {
    record what;
    std::size_t bytes = 0;
  };

  void flushed(partition_id p, log_index index);
  void failed(partition_id p);

  small_node_options options_;
  std::unique_ptr<data_folder> folder_;
  std::unique_ptr<store> db_;
  std::unique_ptr<wal_journal> journal_;
  std::mutex mutex_; // what follows
  std::condition_variable changed_;
  std::vector<log_index> next_;
  std::vector<std::deque<applicable>> waiting_;
  std::vector<bool> failed_;
  std::size_t waiting_bytes_ = 0;
};

} // namespace callboard::test
