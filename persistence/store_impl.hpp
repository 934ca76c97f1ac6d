// What a store is made of; for its own source files only.
#pragma once

#include "persistence/flusher.hpp"
#include "persistence/store.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace callboard {

struct store::impl {
  explicit impl(store_options o, database d)
      : options(std::move(o)), db(std::move(d)) {
    for (std::size_t p = 0; p < options.partitions; ++p)
      memory.push_back(std::make_unique<recent>());
    flushed.resize(options.partitions);
    sweeps.resize(options.partitions);
    used.resize(options.partitions);
  }

  using pairs = std::vector<std::pair<std::string, std::string>>;

  recent& of(partition_id p) const { return *memory[p.value]; }

  result<void> begin();
  result<std::optional<std::string>> get(partition_id p, table where,
                                         std::string_view key) const;
  /// The same of many keys, in their order.
  result<std::vector<std::optional<std::string>>>
  get(partition_id p, table where,
      const std::vector<std::string>& wanted) const;
  /// Rows of delayed messages behind (due, id), up to and including `until`.
  result<pairs> delayed(partition_id p, wall_time due, delayed_id id,
                        wall_time until, std::size_t count) const;
  result<pairs> scan(partition_id p, table where, const std::string& from,
                     const std::string& to, std::size_t count) const;
  /// The same, appended to `out`, up to where memory has too many rows to
  /// copy them at once: the key to go on from.
  result<std::optional<std::string>>
  scan_slice(partition_id p, table where, const std::string& from,
             const std::string& to, std::size_t count, pairs& out) const;
  result<void> flush_once();
  result<bool> erase_some();
  errc failed(errc why);
  void take_over_doubtful();
  void run();
  std::size_t unflushed_bytes() const noexcept;
  bool worth_flushing() const noexcept;

  store_options options;

  // Readers share it, a reopening has it alone: LMDB may be opened only once.
  mutable std::shared_mutex gate;
  database db;

  std::vector<std::unique_ptr<recent>> memory; // by partition number

  std::mutex flushing; // one flush at a time
  bool erasing_left = true;

  mutable std::mutex mutex; // what follows
  std::condition_variable wake;
  bool woken = false;   // once for all that is applied before it looks
  bool resting = false; // for a while after a flush only a full memory counts
  std::vector<applied_row> flushed; // by partition number
  std::vector<order_sweep> sweeps;
  std::vector<used_ids> used;
  std::function<void(const std::vector<log_index>&)> tell;
  bool stopping = false;

  std::atomic<errc> refusal{errc::none};
  std::atomic<bool> over_quota{false}; // why it refuses, unless that failed
  std::thread thread;
};

} // namespace callboard
