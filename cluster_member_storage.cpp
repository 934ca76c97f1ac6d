// What a member has on its disk: opened, put in its place, given up.
#include "actors/replication/cluster_limits.hpp"
#include "cluster_member.hpp"
#include "data_commands.hpp"
#include "persistence/wal_file.hpp"

#include <sodium.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <fstream>
#include <iterator>

namespace callboard {

namespace fs = std::filesystem;

namespace {

/// Nobody else has what it has.
bool is_only_voter(const member_state& state) {
  auto known = decode_members(state.base.configuration);
  return known && std::none_of(known->begin(), known->end(), [&](auto& one) {
           return one.role == member_role::voter && one.id != state.self;
         });
}

/// Out of the way, but not lost: an operator may want to look at it.
bool put_aside(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed) && !failed)
    return true;
  for (int n = 1; n < 1000; ++n) {
    auto aside = path;
    aside += ".damaged-" + std::to_string(n);
    if (fs::exists(aside, failed))
      continue;
    fs::rename(path, aside, failed);
    if (failed)
      return false;
    spdlog::warn("put aside path={}", aside.string());
    return sync_folder(path.parent_path()).has_value();
  }
  return false;
}

std::string first_configuration(const options& settings) {
  std::vector<raft_member> members;
  for (auto& one : settings.cluster.peers)
    members.push_back({one.id, member_role::voter, to_string(one)});
  return encode_members(members);
}

/// A member that knows nothing: where all logs begin. One that joins does not
/// even know who belongs to the cluster, whatever its `--peers` say.
member_state new_member(const options& settings, raft_id self) {
  member_state out;
  out.self = self;
  out.recovering = settings.cluster.join;
  out.vote.term = 1;
  if (!settings.cluster.join)
    out.base = {1, 1, 1, first_configuration(settings), {}};
  return out;
}

/// The log, unless it is known not to be the one that was here.
result<stored_member> open_own_log(const data_folder& folder,
                                   const member_state& state,
                                   std::string& diagnosis) {
  if (auto lost = folder.missing_log()) {
    diagnosis = *lost;
    return errc::corrupt;
  }
  return open_log(folder.wal(), state, diagnosis);
}

std::uint64_t wall_ms() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::uint64_t(
    std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

/// Before anything is sent. On a full disk a member that is known here starts
/// without: its count of starts only tells what it sends from what earlier
/// processes sent, and the clock or a new connection does that too.
result<void> note_start(const fs::path& member_file, stored_member& stored,
                        bool is_new) {
  auto& own = stored.state;
  // Also after its disk was lost: others ignore what an earlier start sent.
  own.starts = std::max(own.starts + 1, wall_ms());
  auto before = own.vote;
  own.vote = state_for_start(own.self, log_of(stored));
  bool voted = own.vote.term != before.term || own.vote.vote != before.vote;
  auto saved = save_member(member_file, own);
  if (saved || is_new || voted || saved.error() != errc::storage_full)
    return saved;
  spdlog::warn("cannot note in {} that it started error={}",
               member_file.string(), to_string(saved.error()));
  return {};
}

} // namespace

std::string cluster_id_of(const std::string& secret) {
  unsigned char hash[16];
  auto text = "callboard cluster " + secret;
  crypto_generichash(hash, sizeof hash,
                     reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  char hex[2 * sizeof hash + 1];
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  return hex;
}

std::optional<std::string> read_secret(const std::string& file,
                                       server::failure& why) {
  if (file.empty())
    return std::string{};
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto blank = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(),
             text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  if (text.empty()) {
    why = {2, "callboard: " + file
                + " cannot be read, or is empty; --cluster-secret-file needs a "
                  "file with a secret, the same on all nodes"};
    return std::nullopt;
  }
  return text;
}

cluster_member::cluster_member(const options& settings,
                               const data_folder& folder, store& db)
    : settings_(settings), folder_(folder), db_(db),
      self_(folder.identity().member) {}

std::unique_ptr<cluster_member> cluster_member::open(const options& settings,
                                                     data_folder& folder,
                                                     store& db,
                                                     server::failure& why) {
  std::unique_ptr<cluster_member> out{new cluster_member{settings, folder, db}};
  auto secret = read_secret(settings.cluster.secret_file, why);
  if (!secret)
    return nullptr;
  out->secret_ = *secret;
  auto state = load_member(folder.member());
  if (!state) {
    why = explain(state.error(), settings.data, folder.member().string());
    return nullptr;
  }
  bool fresh = !*state;
  if (fresh && !folder.identity().complete.empty()) {
    // Its vote is gone, and what it promised to keep.
    why = explain(errc::corrupt, settings.data,
                  folder.member().string()
                    + " is missing: put it back, or start with an empty "
                      "directory and --join");
    return nullptr;
  }
  if (fresh)
    *state = new_member(settings, out->self_);
  std::string diagnosis;
  auto log = open_own_log(folder, **state, diagnosis);
  if (!log && log.error() == errc::corrupt && !is_only_voter(**state)) {
    spdlog::error("the log is damaged: {}; this node gets it from the others",
                  diagnosis);
    // First on record: without the damage a later start would not know.
    (*state)->recovering = true;
    if (!save_member(folder.member(), **state) || !folder.set_incomplete()
        || !put_aside(folder.wal())) {
      why = explain(errc::storage_failed, settings.data, {});
      return nullptr;
    }
    log = open_own_log(folder, **state, diagnosis);
  }
  if (!log) {
    why = explain(log.error(), settings.data, diagnosis);
    return nullptr;
  }
  out->stored_ = std::move(*log);
  if (auto saved = note_start(folder.member(), out->stored_, fresh); !saved) {
    why = explain(saved.error(), settings.data, {});
    return nullptr;
  }
  return out;
}

result<void> cluster_member::install(data_folder& folder) {
  auto folders = snapshot_folders_in(folder.member().parent_path());
  std::error_code failed;
  if (fs::exists(folders.installing, failed))
    if (auto done = folder.set_incomplete(); !done) // or it would be missed
      return done;
  return install_snapshot(folders, folder.store(), folder.wal(),
                          folder.member());
}

result<void> cluster_member::give_up_store(data_folder& folder) {
  auto state = load_member(folder.member());
  if (!state)
    return state.error();
  if (!*state || is_only_voter(**state))
    return errc::not_found;
  spdlog::error("the store is damaged; this node gets it from the others");
  // First on record: without the damage a later start would not know.
  auto& own = **state;
  own.recovering = true;
  if (own.base.index > 0) // else it joins, and knows of no cluster yet
    own.base = {1, 1, 1, own.base.configuration, {}};
  if (auto saved = save_member(folder.member(), own); !saved)
    return saved;
  if (auto done = folder.set_incomplete(); !done)
    return done;
  bool aside = put_aside(folder.store()) && put_aside(folder.wal());
  return aside ? result<void>{} : errc::storage_failed;
}

} // namespace callboard
