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

  /// Queues a record; waits while more waits than a wal file takes.
  void append(partition_id p, record what);

  /// Everything appended is flushed and applied. False: not within a minute.
  bool wait_for_all();

  /// Like the server's stop: LMDB has everything, too.
  void stop();

  store& db() { return *db_; }

  std::size_t partitions() const noexcept { return next_.size(); }

private:
  explicit small_node(const small_node_options& options) : options_(options) {}

  struct applicable {
    record what;
    std::size_t bytes = 0;
  };

  void flushed(partition_id p, log_index index);

  small_node_options options_;
  std::unique_ptr<data_folder> folder_;
  std::unique_ptr<store> db_;
  std::unique_ptr<wal_journal> journal_;
  std::vector<log_index> next_; // of the appending thread

  std::mutex mutex_; // what follows
  std::condition_variable changed_;
  std::vector<std::deque<applicable>> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool failed_ = false;
};

} // namespace callboard::test
