// The records of one partition on their way to the disk, in log order.
#pragma once

#include "actors/node.hpp"

#include <deque>
#include <functional>
#include <vector>

namespace callboard {

/// Why nothing more can wait for the store, or none: what waits takes memory
/// and log, also that which makes room. Any thread.
errc backlog_refusal(const node_services& node) noexcept;

/// Why nothing at all can be recorded at the moment, or none. Any thread.
errc recording_refusal(const node_services& node) noexcept;

/// Queues what a partition decided in the journal; once that is flushed, makes
/// it visible in the store and tells who waits for it. Owned by one partition.
///
/// Nobody is told anything before the flush, not even of a refusal or of a
/// repeated publish: both were decided on top of records that may yet be lost.
class record_pipeline {
public:
  /// How a record ended: errc::none and its index once it is applied; else why
  /// it is not, and will not be, recorded.
  using done = std::function<void(errc, log_index)>;

  record_pipeline(node_ptr node, partition_id partition);

  /// Why nothing can be published at the moment, or none. Settling goes on for
  /// longer: it takes little, and what is settled makes room.
  errc refusal() const noexcept;

  /// Queues a record that is not empty; returns it as it waits, for the moment.
  /// Null: it is larger than `limits::record_bytes_max`, or has a row that the
  /// store would not take, now and again at every start. Then nothing is
  /// queued, `then` is told `too_large`, and who decided it begins again from
  /// the rows.
  const record* propose(record what, done then);

  /// Calls `then` once everything proposed so far has ended: at once if nothing
  /// is on its way.
  void after_all(done then);

  /// The same for what was proposed up to and including this time.
  void after(wall_time at, done then);

  /// Everything up to `index` is on disk: applies it, record by record, calling
  /// `applied` after each; then calls what waits for them, in order.
  void flushed(log_index index,
               const std::function<void(const record&)>& applied);

  /// Nothing that is on its way was recorded.
  void failed(errc why);

  bool idle() const noexcept { return pending_.empty(); }

private:
  struct pending_record {
    log_index index;
    record what;
    std::size_t bytes = 0;
    std::vector<done> waiting;
  };

  node_ptr node_;
  partition_id partition_;
  log_index last_; // proposed
  std::deque<pending_record> pending_;
};

} // namespace callboard
