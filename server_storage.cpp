// A node's directory: whose it is, and how store and log are opened.
#include "actors/core/limits.hpp"
#include "actors/login_actor.hpp"
#include "data_commands.hpp"
#include "persistence/page_check.hpp"
#include "persistence/replay.hpp"
#include "server_impl.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace callboard {

namespace {

wall_time wall_clock() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::uint64_t(
    std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
}

std::uint64_t random_bits() {
  thread_local std::mt19937_64 generator{
    (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  return generator();
}

} // namespace

/// The directory, if it is that of this node.
bool server::impl::open_folder(failure& why) {
  auto& cluster = settings.cluster;
  node_identity mine;
  if (cluster.on()) {
    auto secret = read_secret(cluster.secret_file, why);
    if (!secret)
      return false;
    mine = {.partitions = cluster.peers.size() > 1 ? cluster_partitions : 4,
            .cluster_id = cluster_id_of(*secret),
            .member = cluster.self(host_name())->id};
  }
  std::string diagnosis;
  auto opened = data_folder::open(settings.data, mine, &diagnosis);
  if (!opened) {
    why = explain_folder(opened.error(), settings.data, diagnosis);
    return false;
  }
  folder.emplace(std::move(*opened));
  auto& found = folder->identity();
  auto refuse = [&](const std::string& text) {
    why = {3, "callboard: " + settings.data + " " + text};
    return false;
  };
  if (found.member != 0 && !cluster.on())
    return refuse("is that of node " + std::to_string(found.member)
                  + " of a cluster: name its nodes with --peers");
  if (found.member == 0 && cluster.on())
    return refuse("is that of a node that stands alone: choose another "
                  "directory with --data");
  if (found.member != mine.member)
    return refuse("is that of node " + std::to_string(found.member)
                  + ", not of node " + std::to_string(mine.member)
                  + ": choose another directory with --data, or say --node-id "
                  + std::to_string(found.member));
  if (cluster.on() && found.cluster_id != mine.cluster_id)
    return refuse("is that of another cluster, one with another secret: choose "
                  "another directory with --data, or the right file with "
                  "--cluster-secret-file");
  return true;
}

result<void> server::impl::open_store(std::string& diagnosis) {
  if (auto lost = folder->missing_store()) {
    diagnosis = *lost;
    return errc::corrupt;
  }
  if (auto damage = find_damaged_page(folder->store(), wholly_read_bytes_max)) {
    diagnosis = *damage;
    return errc::corrupt;
  }
  auto db = store::open({.folder = folder->store(),
                         .partitions = folder->identity().partitions,
                         .disk_bytes_max = settings.max_disk_bytes,
                         .recent_bytes_max = limits::recent_bytes_max,
                         .flush_bytes = limits::flush_bytes},
                        &diagnosis);
  if (!db)
    return db.error();
  node->db = std::move(*db);
  return {};
}

bool server::impl::open_log(failure& why) {
  if (settings.cluster.on()) {
    member = cluster_member::open(settings, *folder, *node->db, why);
    return member != nullptr;
  }
  if (auto lost = folder->missing_log()) {
    why = explain(errc::corrupt, settings.data, *lost);
    return false;
  }
  std::string diagnosis;
  auto files = wal::open(
    {folder->wal(), limits::wal_file_bytes},
    replay_into(*node->db, limits::unflushed_bytes_max / 2), diagnosis);
  if (files)
    log = std::move(*files);
  else
    why = explain(files.error(), settings.data, diagnosis);
  return files.has_value();
}

bool server::impl::open_storage(failure& why) {
  if (!open_folder(why))
    return false;
  std::string diagnosis;
  auto opened =
    settings.cluster.on() ? cluster_member::install(*folder) : result<void>{};
  if (opened)
    opened = open_store(diagnosis);
  if (!opened && opened.error() == errc::corrupt && settings.cluster.on()
      && cluster_member::give_up_store(*folder))
    opened = open_store(diagnosis);
  if (!opened) {
    why = explain(opened.error(), settings.data, diagnosis);
    return false;
  }
  if (!open_log(why))
    return false;
  // Nothing is lost if that is not known, so a full disk must not end a start.
  if (auto noted = folder->set_complete(); !noted)
    spdlog::warn("cannot note in {}/node that store and log are there error={}",
                 settings.data, to_string(noted.error()));
  node->placement = ring{node->db->partitions()};
  node->random = random_bits;
  node->wall = wall_clock;
  // Later than all that was recorded: it is the order of all events too.
  clock.emplace(node->db->last_time() + 1, wall_clock(),
                std::chrono::steady_clock::now());
  node->now = [this] { return clock->now(std::chrono::steady_clock::now()); };
  return true;
}

stored_users server::impl::known_users() const {
  auto users = node->db->users();
  if (!users || users->empty())
    return stored_users::none;
  if (settings.on_loopback() || settings.insecure)
    return stored_users::own; // it does not matter: spare the hashing
  auto open = std::any_of(users->begin(), users->end(), [](auto& user) {
    return (user.first == "admin" || user.first == "ops")
           && !user.second.disabled
           && is_hash_of(user.second.password_hash,
                         std::string{loopback_password});
  });
  return open ? stored_users::of_loopback : stored_users::own;
}

} // namespace callboard
