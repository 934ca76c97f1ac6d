// The store of a leader, copied to a node that lags too far behind.
#pragma once

#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/snapshot_messages.hpp"
#include "persistence/store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace callboard {

/// Where in a data directory a copy waits; `DIR/installing` is whole, and takes
/// the place of store and log at the next start.
struct snapshot_folders {
  std::filesystem::path outgoing;   // DIR/outgoing
  std::filesystem::path incoming;   // DIR/incoming
  std::filesystem::path installing; // DIR/installing
};

snapshot_folders snapshot_folders_in(const std::filesystem::path& data);

struct snapshot_outlets {
  /// Everything up to it is in LMDB, by now.
  std::function<log_snapshot()> base;
  /// The last entry of this node's log.
  std::function<entry_index()> last;
  std::function<bool(raft_id to, snapshot_frame kind, std::string bytes)> send;
  /// Who leads; 0: nobody that is known.
  std::function<raft_id()> leader;
  /// A copy is whole on disk: the process must begin anew.
  std::function<void()> complete;
  /// Bytes free where a copy goes. May be missing: the disk is asked.
  std::function<std::uint64_t()> room{};
};

/// Both sides of the transfer, on a thread of its own, since files block. A
/// copy is made of LMDB's own pages at one moment, while writing goes on, and
/// sent in pieces; a receiver asks for the next ones, so it is never sent more
/// than it can take, and goes on where it was after a broken link. Thread-safe.
class snapshot_exchange {
public:
  snapshot_exchange(store& db, snapshot_folders folders,
                    snapshot_outlets outlets);

  ~snapshot_exchange(); // stops

  /// This node lags: fetches the store from the leader, whoever that is.
  void fetch();

  void received(raft_id from, snapshot_frame kind, std::string bytes);

  /// Another node asks for a copy, and there is no room for it.
  bool lacks_room() const noexcept { return lacks_room_; }

  void stop();

private:
  using clock = std::chrono::steady_clock;

  struct arrival {
    raft_id from = 0;
    snapshot_frame kind = snapshot_frame::ask;
    std::string bytes;
  };

  /// The copy that is being sent.
  struct outgoing_copy {
    std::uint64_t id = 0;
    log_snapshot base;
    std::uint64_t size = 0;
    std::ifstream file;
    clock::time_point asked; // last
  };

  /// The copy that comes.
  struct incoming_copy {
    raft_id from = 0;
    std::uint64_t id = 0; // 0: not begun
    std::uint64_t size = 0;
    std::uint64_t written = 0;
    std::uint64_t asked = 0; // pieces up to here
    std::ofstream file;
    clock::time_point heard;
  };

  void run();
  void take(const arrival& what);
  void serve(raft_id to, const snapshot_ask& what);
  bool has_room();
  bool make_copy();
  void drop_copy();
  void keep_asking();
  void ask_on();
  void write(raft_id from, const snapshot_piece& what);
  void begin_incoming(raft_id from, const snapshot_piece& what);
  void finish_incoming(const snapshot_piece& what);

  store& db_;
  snapshot_folders folders_;
  snapshot_outlets outlets_;
  std::optional<outgoing_copy> outgoing_;
  std::optional<incoming_copy> incoming_;
  std::uint64_t next_copy_;
  clock::time_point copy_again_at_; // after one that failed
  std::chrono::milliseconds copy_wait_ = limits::copy_retry_min;
  clock::time_point complain_again_at_;
  clock::time_point refused_at_;
  std::atomic<bool> lacks_room_{false};

  std::mutex mutex_; // what follows
  std::condition_variable wake_;
  std::deque<arrival> queue_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

/// What a whole copy in `installing` is for: called at a start, before store
/// and log are opened. Puts the copy in the place of the store, empties the
/// log, and makes the member begin behind the copy's base. Nothing is lost if
/// it is interrupted: the next start does it again. The log that goes may have
/// had entries that this member acknowledged, so it does not vote before it has
/// caught up. A copy whose member file is damaged is given up. Errors:
/// storage_full, storage_failed, corrupt (this member's own file, or it has
/// none).
result<void> install_snapshot(const snapshot_folders& folders,
                              const std::filesystem::path& store,
                              const std::filesystem::path& wal,
                              const std::filesystem::path& member_file);

} // namespace callboard
