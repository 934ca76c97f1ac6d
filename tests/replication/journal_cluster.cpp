// Stand-ins for actors, and a network of calls.
#include "tests/replication/journal_cluster.hpp"

#include "persistence/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <ctime>
#include <future>
#include <thread>

namespace callboard::test {

using namespace std::chrono_literals;

namespace {

constexpr partition_id home{0};

record user_record(const std::string& login, std::size_t bytes) {
  constexpr std::size_t row_bytes = 3000;
  record out;
  out.at = {1};
  out.changes.push_back(put_user{login, {}});
  user_row row;
  row.full_name = std::string(row_bytes, 'x');
  for (std::size_t n = 0; n < bytes / row_bytes; ++n)
    out.changes.push_back(put_user{"same-" + std::to_string(n), row});
  return out;
}

} // namespace

bool eventually(const std::function<bool()>& holds) {
  auto end = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < end) {
    if (holds())
      return true;
    std::this_thread::yield();
  }
  return holds();
}

member_state journal_node::first_state() const {
  member_state out;
  out.self = id_;
  out.vote.term = 1;
  out.recovering = joins_;
  if (!joins_)
    out.base = {1, 1, 1, encode_voters(cluster_.voters()), {}};
  return out;
}

void journal_node::start() {
  must_restart_ = false;
  auto folders = snapshot_folders_in(folder.path);
  REQUIRE(install_snapshot(folders, folder.path / "store", folder.path / "wal",
                           folder.path / "member")
            .has_value());
  auto opened =
    store::open({.folder = folder.path / "store",
                 .partitions = 2,
                 .disk_bytes_max = cluster_.limits().disk_bytes_max});
  REQUIRE(opened.has_value());
  db = std::move(*opened);
  auto state = load_member(folder.path / "member");
  REQUIRE(state.has_value());
  if (!*state)
    *state = first_state();
  std::string diagnosis;
  auto& limits = cluster_.limits();
  auto from =
    open_log(folder.path / "wal", **state, diagnosis, limits.wal_file_bytes);
  REQUIRE(from.has_value());
  from->state.starts = ++starts_;
  from->state.vote = state_for_start(id_, log_of(*from));
  REQUIRE(save_member(folder.path / "member", from->state).has_value());
  raft_options options;
  options.self = id_;
  options.seed = unsigned(id_);
  options.session = starts_;
  options.election_timeout_ms = limits.election_timeout_ms;
  options.heartbeat_ms = 40;
  options.tail_entries_max = limits.tail_entries_max;
  options.tail_bytes_max = limits.tail_bytes_max;
  copies = std::make_unique<snapshot_exchange>(*db, folders, copy_outlets());
  log = std::make_unique<replicated_journal>(
    std::move(*from), folder.path / "member", options, *db, outlets(),
    limits.wal_keep_bytes);
  db->on_flushed([this](auto& indexes) { log->release(indexes); });
  cluster_.reach(id_, this);
  log->start();
}

replication_outlets journal_node::outlets() {
  return {
    .actors = {.flushed = [this](partition_id, log_index i) { flushed(i); },
               .failed = [this](partition_id, errc) { failed(); }},
    .send = [this](raft_id to,
                   std::string m) { cluster_.deliver(id_, to, std::move(m)); },
    .role = [this](bool leads, raft_id) { role(leads); },
    .snapshot_wanted =
      [this] {
        ++snapshots_wanted_;
        copies->fetch();
      },
    .members_changed =
      [this](const group_view& view) {
        std::lock_guard lock{mutex_};
        view_ = view;
      }};
}

snapshot_outlets journal_node::copy_outlets() {
  return {.base = [this] { return log->base(); },
          .last = [this] { return log->status().last; },
          .send =
            [this](raft_id to, snapshot_frame kind, std::string bytes) {
              return cluster_.deliver(id_, to, kind, std::move(bytes));
            },
          .leader = [this] { return log->status().leader; },
          .complete = [this] { must_restart_ = true; }};
}

void journal_node::stop() {
  if (!log)
    return;
  cluster_.reach(id_, nullptr);
  db->on_flushed({});
  log->stop();
  copies->stop();
  copies.reset();
  log.reset();
  db.reset();
  leads_ = false;
}

group_view journal_node::view() const {
  std::lock_guard lock{mutex_};
  return view_;
}

void journal_node::lose_disk() {
  starts_ = 0;
  for (auto& entry : std::filesystem::directory_iterator{folder.path})
    std::filesystem::remove_all(entry.path());
}

void journal_node::role(bool leads) {
  thread_ = ::pthread_self();
  std::lock_guard lock{mutex_};
  if (leads_.exchange(leads) && !leads) {
    pending_.clear();
    log->actors_ended();
  }
  if (leads) {
    last_ = flushed_ = db->applied(home);
    failed_.clear();
  }
}

void journal_node::flushed(log_index index) {
  std::lock_guard lock{mutex_};
  while (!pending_.empty() && pending_.begin()->first <= index) {
    auto next = pending_.extract(pending_.begin());
    db->apply(home, next.key(), next.mapped(), 10);
  }
  flushed_ = std::max(flushed_, index);
}

void journal_node::failed() {
  std::lock_guard lock{mutex_};
  for (auto& [index, what] : pending_)
    failed_.insert(index);
  pending_.clear();
  last_ = db->applied(home);
}

std::optional<log_index> journal_node::append(const std::string& login,
                                              std::size_t bytes) {
  std::lock_guard lock{mutex_};
  if (!leads_)
    return std::nullopt;
  auto what = user_record(login, bytes);
  last_ = {last_.value + 1};
  auto body = encode(what);
  pending_.emplace(last_, std::move(what));
  log->append({home, last_, 0, std::move(body)});
  return last_;
}

std::optional<bool> journal_node::outcome(log_index index) {
  std::lock_guard lock{mutex_};
  if (index <= flushed_)
    return true;
  if (!leads_ || failed_.contains(index))
    return false;
  return std::nullopt;
}

bool journal_node::has_user(const std::string& login) const {
  auto user = db->user(login);
  return user && *user;
}

std::size_t journal_node::users() const {
  auto all = db->users();
  return all ? all->size() : 0;
}

std::chrono::nanoseconds journal_node::worked() const {
  clockid_t its_clock{};
  timespec out{};
  REQUIRE(::pthread_getcpuclockid(thread_, &its_clock) == 0);
  REQUIRE(::clock_gettime(its_clock, &out) == 0);
  return std::chrono::seconds{out.tv_sec}
         + std::chrono::nanoseconds{out.tv_nsec};
}

std::size_t journal_node::wal_files() const {
  std::size_t out = 0;
  for (auto& one : std::filesystem::directory_iterator{folder.path / "wal"})
    out += one.path().extension() == ".wal";
  return out;
}

journal_cluster::journal_cluster(std::size_t nodes, journal_limits limits)
    : limits_(limits), first_nodes_(nodes) {
  for (raft_id id = 1; id <= nodes; ++id)
    nodes_.push_back(std::make_unique<journal_node>(*this, id));
  for (auto& one : nodes_)
    one->start();
  // A node that has heard of nothing yet cannot tell itself from one that has
  // lost its disk, and does not vote.
  for (auto& one : nodes_)
    REQUIRE(eventually([&] { return one->log->status().committed > 1; }));
}

journal_cluster::~journal_cluster() {
  for (raft_id id = 1; id <= nodes_.size(); ++id)
    cut(id, true);
  for (auto& one : nodes_)
    one->stop();
}

std::vector<raft_id> journal_cluster::voters() const {
  std::vector<raft_id> out;
  for (raft_id id = 1; id <= first_nodes_; ++id)
    out.push_back(id);
  return out;
}

journal_node& journal_cluster::join() {
  auto id = nodes_.size() + 1;
  nodes_.push_back(std::make_unique<journal_node>(*this, id, true));
  nodes_.back()->start();
  return *nodes_.back();
}

void journal_cluster::restart_fetched() {
  for (auto& one : nodes_)
    if (limits_.restarts_fetched && one->must_restart()) {
      one->stop();
      one->start();
    }
}

change_answer journal_cluster::change(change_request request) {
  change_answer out;
  eventually([&] {
    restart_fetched();
    auto told = std::make_shared<std::promise<change_answer>>();
    auto answer = told->get_future();
    leader()->log->change(request, [told](change_answer what) {
      told->set_value(std::move(what));
    });
    out = answer.get();
    bool gone =
      out.error == errc::not_found && request.goal == change_goal::remove;
    return out.done || gone
           || (out.error != errc::none && out.error != errc::unavailable
               && out.error != errc::too_many_in_flight);
  });
  return out;
}

journal_node* journal_cluster::leader() {
  journal_node* out = nullptr;
  eventually([&] {
    for (auto& one : nodes_)
      if (one->leads())
        out = one.get();
    return out != nullptr;
  });
  return out;
}

bool journal_cluster::publish(const std::string& login, std::size_t bytes) {
  return eventually([&] {
    restart_fetched();
    auto* at = leader();
    auto index = at ? at->append(login, bytes) : std::nullopt;
    if (!index)
      return false;
    std::optional<bool> outcome;
    eventually([&] { return (outcome = at->outcome(*index)).has_value(); });
    return outcome.value_or(false);
  });
}

void journal_cluster::cut(raft_id id, bool is_cut) {
  std::lock_guard lock{mutex_};
  if (is_cut)
    cut_.insert(id);
  else
    cut_.erase(id);
}

/// The mutex is held.
journal_node* journal_cluster::at(raft_id from, raft_id to) {
  auto found = reachable_.find(to);
  bool open =
    found != reachable_.end() && !cut_.contains(from) && !cut_.contains(to);
  return open ? found->second : nullptr;
}

void journal_cluster::deliver(raft_id from, raft_id to, std::string message) {
  std::lock_guard lock{mutex_};
  if (auto* node = at(from, to))
    node->log->received(std::move(message));
}

bool journal_cluster::deliver(raft_id from, raft_id to, snapshot_frame kind,
                              std::string bytes) {
  std::lock_guard lock{mutex_};
  auto* node = at(from, to);
  if (node)
    node->copies->received(from, kind, std::move(bytes));
  return node != nullptr;
}

void journal_cluster::reach(raft_id id, journal_node* node) {
  std::lock_guard lock{mutex_};
  reachable_.erase(id);
  if (node == nullptr)
    return;
  for (auto& [other, at] : reachable_)
    at->log->connected(id);
  reachable_[id] = node;
}

} // namespace callboard::test
