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
constexpr auto tick = 200ms;

std::uint64_t some_number() {
  return std::uint64_t(
    std::chrono::system_clock::now().time_since_epoch().count());
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

bool snapshot_exchange::make_copy() {
  drop_copy();
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
    return false;
  }
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
    saved = save_member(folders_.incoming / "member", state);
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

result<void> install_snapshot(const snapshot_folders& folders,
                              const fs::path& store, const fs::path& wal,
                              const fs::path& member_file) {
  auto& from = folders.installing;
  std::error_code failed;
  if (!fs::exists(from, failed))
    return {};
  auto copied = load_member(from / "member");
  auto own = load_member(member_file);
  if (!copied || !own)
    return copied ? own.error() : copied.error();
  if (!*own)
    return errc::corrupt;
  auto be_over = [&]() -> result<void> {
    fs::remove_all(from, failed);
    return failed ? result<void>{errc::storage_failed} : result<void>{};
  };
  if (!*copied)
    return be_over(); // it was interrupted while it removed what is left
  auto next = **own; // its vote above all
  next.base = (*copied)->base;
  next.recovering = true;
  fs::create_directories(store, failed);
  fs::remove_all(wal, failed);
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
  return be_over();
}

} // namespace callboard
