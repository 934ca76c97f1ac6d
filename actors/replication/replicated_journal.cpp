// The thread around the driver: what comes in, what must be done for it.
#include "actors/replication/replicated_journal.hpp"

#include "actors/core/limits.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/message_codec.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

namespace {

constexpr raft_id nobody = UINT64_MAX;

/// What the driver refused, while it hands over, is offered again so often.
constexpr raft_ms refused_again_ms = 5;

/// The answer still says how far this member is, and its leader hears that it
/// is there. The engine takes no more for committed than what a message leaves.
void leave_commands_out(peer_message& append) {
  auto first =
    std::ranges::find(append.entries, entry_kind::command, &log_entry::kind);
  append.entries.erase(first, append.entries.end());
  append.header.append_entries.n_entries = unsigned(append.entries.size());
}

} // namespace

replicated_journal::replicated_journal(stored_member from,
                                       std::filesystem::path member_file,
                                       raft_options options, store& db,
                                       replication_outlets outlets,
                                       std::uint64_t wal_keep_bytes)
    : options_(std::move(options)), db_(db), outlets_(std::move(outlets)),
      from_(log_of(from)),
      reader_([this](entry_index index) { return disk_->read(index); }),
      recovering_(from.state.recovering), fresh_(from.fresh) {
  status_.self = from.state.self;
  base_ = from.state.base;
  disk_ = std::make_unique<log_disk>(
    std::move(from.files), std::move(member_file), from.state,
    [this](std::size_t count) {
      {
        std::lock_guard lock{mutex_};
        input_.steps_done += count;
      }
      wake();
    },
    wal_keep_bytes);
}

void replicated_journal::start() {
  thread_ = std::thread{[this] { run(); }};
}

replicated_journal::~replicated_journal() {
  stop();
}

void replicated_journal::stop() {
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(input_.stopping, true))
      return;
  }
  wake();
  if (thread_.joinable())
    thread_.join();
  disk_->stop();
}

void replicated_journal::append(journal_entry entry) {
  waiting_ += entry.body.size();
  bool was_empty = false;
  {
    std::lock_guard lock{mutex_};
    was_empty = queue_.empty();
    queue_.push_back(std::move(entry));
  }
  auto& later = outlets_.actors.wakes_later;
  if (was_empty && !(later && later()))
    wake();
}

errc replicated_journal::refusal() const noexcept {
  return serving_ ? disk_->refusal() : errc::unavailable;
}

errc replicated_journal::publishing_refusal() const noexcept {
  auto why = refusal();
  return why == errc::none ? disk_->no_spare() : why;
}

void replicated_journal::received(std::string message) {
  bool was_empty = false;
  {
    std::lock_guard lock{mutex_};
    was_empty = input_.messages.empty();
    input_.messages.push_back(std::move(message));
  }
  if (was_empty)
    wake();
}

void replicated_journal::command(std::function<void()> what) {
  {
    std::lock_guard lock{mutex_};
    input_.commands.push_back(std::move(what));
  }
  wake();
}

void replicated_journal::connected(raft_id peer) {
  command([this, peer] { driver_->forget_session(peer); });
}

void replicated_journal::actors_started(bool well) {
  command([this, well] {
    actors_failed_ = !well;
    actors_starting_ = false;
  });
}

void replicated_journal::actors_ended() {
  command([this] {
    actors_own_store_ = false;
    apply_left_over();
    told_leader_ = nobody; // who leads now is news again
    watch_role();
  });
}

void replicated_journal::release(const std::vector<log_index>& flushed) {
  command([this, flushed] { advance_base(flushed); });
  disk_->tidy();
}

replication_status replicated_journal::status() const {
  std::lock_guard lock{status_mutex_};
  auto out = status_;
  out.disk_answers = disk_->busy_for() <= limits::disk_silence_max;
  return out;
}

log_snapshot replicated_journal::base() const {
  std::lock_guard lock{status_mutex_};
  return base_;
}

raft_ms replicated_journal::now() const {
  return raft_ms(clock::now().time_since_epoch() / 1ms);
}

/// The mutex is held.
bool replicated_journal::has_work() const {
  return input_.stopping || !input_.messages.empty() || !input_.commands.empty()
         || input_.steps_done > 0
         || (!queue_.empty() && (!leads_ || (may_submit() && !refused_batch_)));
}

void replicated_journal::run() try {
  driver_.emplace(options_, [this](entry_index i) { return stored(i); });
  loaded_ = from_.entries;
  loaded_after_ = from_.first - 1;
  driver_->set_recovering(recovering_);
  perform(driver_->start(now(), from_));
  from_ = {};
  watch_role();
  watch_members();
  std::unique_lock lock{mutex_};
  for (;;) {
    auto wait = wake_at_.value_or(now() + 1000);
    if (refused_batch_)
      wait = std::min(wait, now() + refused_again_ms);
    auto from_now = wait - std::min(wait, now());
    wake_.wait_for(lock, std::chrono::milliseconds{from_now},
                   [this] { return has_work(); });
    if (input_.stopping)
      return;
    auto in = std::exchange(input_, {});
    lock.unlock();
    turn(std::move(in));
    lock.lock();
  }
} catch (const std::exception& error) {

  // A broken invariant: what is on disk is right, what is in memory is not.
  spdlog::critical("replication failed error={}: ending the process",
                   error.what());
  std::abort();
}

void replicated_journal::turn(input in) {
  steps_done(in.steps_done);
  for (auto& bytes : in.messages)
    take_message(bytes);
  if (wake_at_ && now() >= *wake_at_) {
    wake_at_.reset();
    perform(driver_->timeout(now()));
  }
  for (auto& what : in.commands)
    what();
  watch_recovery();
  watch_start();
  watch_drain();
  watch_members();
  watch_base();
  watch_hand_over();
  watch_role();
  if (leads_)
    submit();
  else
    fail_waiting();
  tell_actors();
  watch_patience();
  publish_status();
}

void replicated_journal::take_message(const std::string& bytes) {
  auto message = decode_message(bytes);
  if (!message) {
    spdlog::error("a message of another node cannot be read error={}",
                  to_string(message.error()));
    return;
  }
  if (drained_ && message->header.type == RAFT_TIMEOUT_NOW)
    return; // whoever wants to hand over takes another one
  note_recovery(*message);
  // A follower whose store cannot keep up takes no more for now. What is no
  // command costs nothing, and without its own first entry no one leads.
  bool full =
    !actors_own_store_ && db_.unflushed_bytes() > limits::unflushed_bytes_max;
  if (full && message->header.type == RAFT_APPEND_ENTRIES)
    leave_commands_out(*message);
  perform(driver_->receive(now(), *message));
}

void replicated_journal::steps_done(std::size_t count) {
  for (; count > 0; --count) {
    auto base = std::move(steps_.front());
    steps_.pop_front();
    if (!base)
      perform(driver_->stored(now()));
    else if (base->index > 0) {
      unload(UINT64_MAX, base->index);
      perform(driver_->compacted(
        now(), std::make_shared<const log_snapshot>(std::move(*base)),
        readable_before(base->index)));
    }
  }
}

void replicated_journal::perform(raft_effects effects) {
  for (auto& step : effects.store) {
    if (step.install)
      outlets_.snapshot_wanted();
    // Never reported as stored, so nothing leaves that depends on it.
    installing_ = installing_ || step.install;
    if (installing_)
      continue;
    if (step.first > 0) {
      unload(step.first, 0);
      reader_.forget(step.first);
    }
    steps_.emplace_back();
    disk_->put({.vote = step.state,
                .first = step.first,
                .entries = std::move(step.entries)});
  }
  for (auto& message : effects.send)
    outlets_.send(message.to, encode(message));
  for (auto& one : effects.apply)
    committed(one);
  snapshot_needed_ = snapshot_needed_ || effects.snapshot_needed;
  if (effects.wake_at)
    wake_at_ = effects.wake_at;
}

/// Why it cannot do its work if it leads; null: it can. That its store has
/// reached its quota is no reason: so have the others, and the lead would only
/// go round.
const char* replicated_journal::complaint() const {
  if (disk_->busy_for() > limits::disk_silence_max)
    return "the disk of its log does not answer";
  if (disk_->refusal() != errc::none || disk_->no_spare() != errc::none)
    return "its log cannot be written";
  auto store = db_.refusal();
  if (store == errc::storage_full && !db_.over_quota())
    return "its store has no room";
  if (store != errc::none
      && db_.unflushed_bytes() >= limits::unflushed_bytes_max)
    return "its store cannot be written";
  return actors_failed_ && !actors_starting_ ? "its actors could not be started"
                                             : nullptr;
}

void replicated_journal::watch_patience() {
  auto* why = complaint();
  bool well = why == nullptr && !actors_failed_;
  if (!patience_.is_over(well, leads_ && why != nullptr, now())
      || !hand_to_next())
    return;
  patience_.tried(now());
  spdlog::error("this node cannot lead: {}; handing its leadership over", why);
}

void replicated_journal::publish_status() {
  std::lock_guard lock{status_mutex_};
  status_.leads = leads_;
  status_.recovering = recovering_;
  status_.leader = driver_->leader();
  status_.term = driver_->term();
  status_.committed = driver_->commit_index();
  status_.applied = driver_->applied();
  status_.last = driver_->last_index();
  status_.caught_up = caught_up_;
  status_.drained = drained_;
  status_.change = change_.status();
  status_.peers = driver_->peers(now());
  watch_followers();
}

} // namespace callboard
