// Pieces out, pieces in, and what becomes of the whole.
#include "actors/replication/snapshot_exchange.hpp"

#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/member_file.hpp"
#include "persistence/wal_file.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto file_name = "data.mdb";
constexpr auto member_name = "member";
constexpr auto log_name = "wal";
constexpr auto tick = 200ms;

std::uint64_t some_number() {
  return std::uint64_t(
    std::chrono::system_clock::now().time_since_epoch().count());
}

/// Its member file first: without that it is none, whatever a crash leaves.
result<void> remove_copy(const fs::path& folder) {
  std::error_code failed;
  if (!fs::exists(folder, failed))
    return failed ? result<void>{errc::storage_failed} : result<void>{};
  fs::remove(folder / member_name, failed);
  if (failed)
    return errc::storage_failed;
  if (auto done = sync_folder(folder); !done)
    return done;
  fs::remove_all(folder, failed);
  return failed ? result<void>{errc::storage_failed} : result<void>{};
}

} // namespace

snapshot_folders snapshot_folders_in(const fs::path& data) {
  return {data / "outgoing", data / "incoming", data / "installing"};
}

snapshot_exchange::snapshot_exchange(store& db, snapshot_folders folders,
                                     snapshot_outlets outlets)
    : db_(db), folders_(std::move(folders)), outlets_(std::move(outlets)),
      next_copy_(some_number()), thread_([this] { run(); }) {}

snapshot_exchange::~snapshot_exchange() {
  stop();
}

void snapshot_exchange::stop() {
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(stopping_, true))
      return;
  }
  wake_.notify_one();
  thread_.join();
}

void snapshot_exchange::fetch() {
  {
    std::lock_guard lock{mutex_};
    wanted_ = true;
  }
  wake_.notify_one();
}

void snapshot_exchange::received(raft_id from, snapshot_frame kind,
                                 std::string bytes) {
  {
    std::lock_guard lock{mutex_};
    if (queue_.size() >= limits::snapshot_frames_max)
      return; // it is asked for again
    queue_.push_back({from, kind, std::move(bytes)});
  }
  wake_.notify_one();
}

void snapshot_exchange::run() {
  std::error_code ignored;
  fs::remove_all(folders_.outgoing, ignored);
  fs::remove_all(folders_.incoming, ignored);
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait_for(lock, tick,
                   [this] { return stopping_ || wanted_ || !queue_.empty(); });
    if (stopping_)
      break;
    auto arrived = std::exchange(queue_, {});
    if (std::exchange(wanted_, false) && !incoming_) {
      spdlog::warn("this node lags too far behind: fetching the whole store");
      incoming_.emplace();
    }
    lock.unlock();
    for (auto& one : arrived)
      take(one);
    keep_asking();
    if (outgoing_ && clock::now() - outgoing_->asked > limits::copy_kept)
      drop_copy();
    if (lacks_room_ && clock::now() - refused_at_ > limits::copy_kept)
      lacks_room_ = false;
    lock.lock();
  }
  drop_copy();
}

void snapshot_exchange::take(const arrival& what) {
  if (what.kind == snapshot_frame::ask) {
    if (auto ask = decode_snapshot_ask(what.bytes))
      serve(what.from, *ask);
  } else if (auto piece = decode_snapshot_piece(what.bytes))
    write(what.from, *piece);
}

// --- the leader's side ------------------------------------------------------

/// A copy that fills the disk up costs those who publish, and is none either.
bool snapshot_exchange::has_room() {
  std::error_code unknown;
  auto data = folders_.outgoing.parent_path();
  auto room =
    outlets_.room ? outlets_.room() : fs::space(data, unknown).available;
  auto needed = db_.used_bytes() + 2 * limits::wal_file_bytes;
  lacks_room_ = !unknown && room <= needed;
  if (!lacks_room_)
    return true;
  auto now = clock::now();
  refused_at_ = now;
  if (now >= complain_again_at_) {
    complain_again_at_ = now + 1min;
    spdlog::error(
      "no room to copy the store for another node, which lags until "
      "there is bytes={} needed={}",
      room, needed);
  }
  return false;
}

bool snapshot_exchange::make_copy() {
  if (clock::now() < copy_again_at_)
    return false;
  drop_copy();
  if (!has_room())
    return false;
  std::error_code failed;
  fs::create_directories(folders_.outgoing, failed);
  auto path = folders_.outgoing / file_name;
  // The base first: what the copy has is at least that.
  auto base = outlets_.base();
  auto begun = clock::now();
  if (auto done = db_.copy_to(path); !done) {
    spdlog::error("cannot copy the store for another node error={}",
                  to_string(done.error()));
    drop_copy();
    copy_again_at_ = clock::now() + copy_wait_;
    copy_wait_ = std::min(2 * copy_wait_, limits::copy_retry_max);
    return false;
  }
  copy_wait_ = limits::copy_retry_min;
  outgoing_.emplace();
  outgoing_->id = next_copy_++;
  outgoing_->base = std::move(base);
  outgoing_->size = fs::file_size(path, failed);
  outgoing_->file.open(path, std::ios::binary);
  outgoing_->asked = clock::now();
  spdlog::info("copied the store for another node bytes={} base={} ms={}",
               outgoing_->size, outgoing_->base.index,
               (clock::now() - begun) / 1ms);
  return bool(outgoing_->file);
}

void snapshot_exchange::drop_copy() {
  outgoing_.reset();
  std::error_code ignored;
  fs::remove_all(folders_.outgoing, ignored);
}

void snapshot_exchange::serve(raft_id to, const snapshot_ask& what) {
  snapshot_piece out;
  bool known = outgoing_ && what.copy == outgoing_->id;
  // An older copy would take from it what it has, and has acknowledged.
  bool new_to_it = outgoing_ && outgoing_->base.index > what.offset;
  if (known || (what.copy == 0 && (new_to_it || make_copy()))) {
    outgoing_->asked = clock::now();
    out.copy = outgoing_->id;
    out.size = outgoing_->size;
    out.offset = known ? std::min(what.offset, out.size) : 0;
    out.base = outgoing_->base;
    out.bytes.resize(std::size_t(std::min<std::uint64_t>(
      limits::snapshot_piece_bytes, out.size - out.offset)));
    outgoing_->file.clear();
    outgoing_->file.seekg(std::streamoff(out.offset));
    if (!outgoing_->file.read(out.bytes.data(),
                              std::streamsize(out.bytes.size()))) {
      drop_copy();
      out = {};
    }
  }
  outlets_.send(to, snapshot_frame::piece, encode(out));
}

// --- the side of the node that lags -----------------------------------------

/// Asks again if nothing comes: what was asked or answered may be lost.
void snapshot_exchange::keep_asking() {
  if (!incoming_)
    return;
  auto& in = *incoming_;
  if (in.from != 0 && clock::now() - in.heard < limits::snapshot_wait_max)
    return;
  auto leader = outlets_.leader();
  if (leader == 0)
    return;
  if (leader != in.from)
    in.id = 0; // its copy is another one
  in.from = leader;
  in.heard = clock::now();
  in.asked = in.id == 0 ? 0 : in.written;
  if (in.id != 0)
    return ask_on();
  outlets_.send(leader, snapshot_frame::ask,
                encode(snapshot_ask{0, outlets_.last()}));
}

void snapshot_exchange::ask_on() {
  auto& in = *incoming_;
  auto window = limits::snapshot_pieces_ahead * limits::snapshot_piece_bytes;
  while (in.asked < std::min(in.size, in.written + window)) {
    outlets_.send(in.from, snapshot_frame::ask,
                  encode(snapshot_ask{in.id, in.asked}));
    in.asked += limits::snapshot_piece_bytes;
  }
}

void snapshot_exchange::begin_incoming(raft_id from,
                                       const snapshot_piece& what) {
  std::error_code failed;
  fs::remove_all(folders_.incoming, failed);
  fs::create_directories(folders_.incoming, failed);
  auto& in = *incoming_;
  in = {};
  in.from = from;
  in.id = what.copy;
  in.size = what.size;
  in.file.open(folders_.incoming / file_name,
               std::ios::binary | std::ios::trunc);
  in.asked = what.bytes.size();
}

void snapshot_exchange::write(raft_id from, const snapshot_piece& what) {
  if (!incoming_ || from != incoming_->from)
    return;
  if (what.copy == 0) { // tried again in a while
    incoming_->id = 0;
    return;
  }
  if (incoming_->id == 0)
    begin_incoming(from, what);
  auto& in = *incoming_;
  in.heard = clock::now();
  if (what.copy != in.id || what.offset != in.written)
    return;
  in.file.write(what.bytes.data(), std::streamsize(what.bytes.size()));
  if (!in.file) {
    spdlog::error("cannot write the store that was fetched");
    in.id = 0;
    return;
  }
  in.written += what.bytes.size();
  if (in.written < what.size)
    return ask_on();
  finish_incoming(what);
}

void snapshot_exchange::finish_incoming(const snapshot_piece& what) {
  incoming_->file.close();
  member_state state;
  state.base = what.base;
  auto saved = sync_file(folders_.incoming / file_name);
  if (saved)
    saved = save_member(folders_.incoming / member_name, state);
  if (saved) // one that was there was never installed, and is older
    saved = remove_copy(folders_.installing);
  std::error_code failed;
  if (saved)
    fs::rename(folders_.incoming, folders_.installing, failed);
  if (saved && !failed)
    saved = sync_folder(folders_.installing.parent_path());
  if (!saved || failed) {
    spdlog::error("cannot keep the store that was fetched");
    incoming_->id = 0;
    return;
  }
  spdlog::info("fetched the store bytes={} base={}", what.size,
               what.base.index);
  incoming_.reset();
  outlets_.complete();
}

namespace {

/// A copy of which nobody knows what it is for. Store and log are still those
/// of this member, or the copy's store is there already: that is newer than the
/// member's base, which does no harm, but the log is gone.
result<void> give_up_copy(const fs::path& from, const fs::path& wal,
                          const fs::path& member_file, member_state own) {
  spdlog::error("{} is damaged: this node goes on without that copy",
                (from / member_name).string());
  std::error_code failed;
  bool begun = !fs::exists(from / file_name, failed);
  begun = begun || !fs::exists(wal, failed);
  if (failed)
    return errc::storage_failed;
  own.recovering = own.recovering || begun;
  if (begun)
    if (auto done = save_member(member_file, own); !done)
      return done;
  return remove_copy(from);
}

} // namespace

result<void> install_snapshot(const snapshot_folders& folders,
                              const fs::path& store, const fs::path& wal,
                              const fs::path& member_file) {
  auto& from = folders.installing;
  std::error_code failed;
  if (!fs::exists(from, failed))
    return {};
  auto own = load_member(member_file);
  if (!own)
    return own.error();
  if (!*own)
    return errc::corrupt;
  auto copied = load_member(from / member_name);
  if (!copied)
    return copied.error() == errc::storage_failed
             ? copied.error()
             : give_up_copy(from, wal, member_file, **own);
  if (!*copied)
    return remove_copy(from); // that was interrupted before
  auto next = **own;          // its vote above all
  next.base = (*copied)->base;
  next.recovering = true;
  fs::create_directories(store, failed);
  // At once: what a crash leaves of it could pass for all of it.
  if (!failed && fs::exists(wal, failed)) {
    fs::remove_all(from / log_name, failed);
    if (!failed)
      fs::rename(wal, from / log_name, failed);
  }
  if (!failed && fs::exists(from / file_name, failed)) {
    fs::remove(store / "lock.mdb", failed);
    fs::rename(from / file_name, store / file_name, failed);
  }
  if (failed)
    return errc::storage_failed;
  if (auto done = sync_folder(store); !done)
    return done;
  if (auto done = save_member(member_file, next); !done)
    return done;
  return remove_copy(from);
}

} // namespace callboard
