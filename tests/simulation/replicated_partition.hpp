// A partition of the node that leads: its records wait for a majority.
#pragma once

#include "actors/core/reader_positions.hpp"
#include "persistence/journal.hpp"
#include "tests/simulation/simulated_partition.hpp"

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace callboard::test {

/// What one partition gave a reader.
struct slice_answer {
  struct chunk {
    std::string stream;
    std::vector<event_ptr> records; // not empty
  };

  std::vector<chunk> chunks;
  std::vector<put_position> committed; // with this poll
  bool outdated = false;               // the assignment has changed
};

/// `partition_actor` with its pipeline, and `consumer_group_actor`.
class replicated_partition : public simulated_partition {
public:
  /// Begins with what the rows say; what it records waits in `journal`.
  replicated_partition(partition_id id, stored_rows& rows,
                       std::mt19937_64& choices,
                       std::deque<journal_entry>& journal);

  /// A majority has everything up to `index`: applies it, then calls back.
  void flushed(log_index index);

  /// The group begins to read these streams, where it never did.
  void open(const std::string& group, const std::vector<std::string>& streams,
            done then);

  /// Commits what the reader was handed last, and hands out what comes next.
  void poll(const std::string& group, reader_id reader, member_epoch epoch,
            const std::vector<std::string>& streams,
            std::function<void(const slice_answer&)> then);

  void commit(const std::string& group, reader_id reader,
              std::function<void(const slice_answer&)> then);

  /// The answer did not reach the reader.
  void give_back(const std::string& group, reader_id reader);

  /// Proposes changes of somebody else's rows.
  void propose(std::vector<change> changes, done then);

  partition_id id() const { return id_; }

private:
  struct pending_record {
    log_index index;
    record what;
    std::vector<done> waiting;
  };

  void propose(record what, done then, done applied) override;
  reader_positions& readers(const std::string& group);
  std::vector<event_ptr> read(const std::string& stream, event_number& from);

  partition_id id_;
  std::deque<journal_entry>& journal_;
  log_index last_; // proposed
  std::deque<pending_record> pending_;
  std::map<std::string, reader_positions> readers_;
};

} // namespace callboard::test
