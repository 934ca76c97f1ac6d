// Apply, lead, follow, lose: as a node of the cluster does.
#include "tests/simulation/broker_cluster.hpp"

#include "persistence/codec.hpp"

#include <algorithm>
#include <utility>

namespace callboard::test {

namespace {

constexpr std::size_t partitions = 3;

/// The views point into the entry. Of what is no command: none.
std::vector<batch_entry> entries_of(const committed_entry& what) {
  if (what.entry.kind != entry_kind::command)
    return {};
  auto entries = decode_batch(*what.entry.payload);
  if (!entries)
    throw violation("a committed batch cannot be read");
  return std::move(*entries);
}

} // namespace

broker_cluster::broker_cluster(const cluster_options& options,
                               std::uint64_t seed)
    : placement_(partitions), raft_(options, seed, this),
      members_(raft_.nodes()), ledger_(partitions),
      clients_(*this, ledger_, placement_, raft_.random()) {
  for (auto& m : members_) {
    m.now.resize(partitions);
    m.flushed.resize(partitions);
    m.wall_ahead = raft_.random()() % 5'000;
  }
}

broker_report broker_cluster::run() {
  report_.log = raft_.run();
  report_.clients = clients_.counts();
  return report_;
}

void broker_cluster::crashed(raft_id id) {
  auto& m = of(id);
  m.broker = nullptr;
  m.unapplied.clear();
  m.to_tell.clear();
  m.told.clear();
  m.refused = nullptr;
  m.mailbox.clear();
  m.barrier_term = 0;
  if (one_in(3))
    m.wall_ahead = raft_.random()() % 5'000; // its clock is set
}

void broker_cluster::disk_lost(raft_id id) {
  auto& m = of(id);
  m.flushed = rows(partitions);
  m.flushed_at = 0;
}

void broker_cluster::started(raft_id id, const log_snapshot* base) {
  auto& m = of(id);
  m.at = 0;
  if (base)
    restored(id, *base);
  m.now = m.flushed;
}

void broker_cluster::restored(raft_id id, const log_snapshot& from) {
  auto& m = of(id);
  if (m.broker)
    throw violation("who leads gets a snapshot");
  m.at = from.index;
  if (m.flushed_at < from.index) {
    auto& [at, image] = images_.at(from.state.substr(from.state.find(' ') + 1));
    m.flushed = image;
    m.flushed_at = at;
  }
  m.now = m.flushed;
}

void broker_cluster::applied(raft_id id, const committed_entry& what) {
  auto& m = of(id);
  auto entries = entries_of(what);
  if (what.index > ledger_.at())
    ledger_.committed(what.index, entries);
  auto* driver = raft_.driver(id);
  if (what.entry.kind == entry_kind::barrier && driver->is_leader()
      && what.entry.term == driver->term())
    m.barrier_term = what.entry.term;
  m.at = what.index;
  if (!m.broker) {
    apply(m, what);
    if (m.flushed_at <= m.at)
      ledger_.compare(m.at, id, m.now);
  } else if (!entries.empty()) {
    m.unapplied.push_back(what);
    for (auto& one : entries)
      m.to_tell[one.partition] = one.index;
  }
}

void broker_cluster::apply(member& m, const committed_entry& what) {
  for (auto& one : entries_of(what)) {
    auto& here = m.now[one.partition.value];
    if (one.index <= here.applied)
      continue; // it was flushed, or the actors have applied it
    if (one.index.value != here.applied.value + 1)
      throw violation("a member misses a record");
    auto read = decode(one.body);
    if (!read)
      throw violation("a member cannot read a record");
    here.apply(*read);
  }
}

void broker_cluster::turned(raft_id id) {
  auto& m = of(id);
  auto* driver = raft_.driver(id);
  auto leads = driver->is_leader() && m.barrier_term == driver->term()
                 ? driver->term()
                 : 0;
  if (m.broker && m.broker->term() != leads)
    end_leading(id); // what this turn committed may be another leader's
  for (auto& [p, index] : std::exchange(m.to_tell, {}))
    m.told[p] = index;
  if (!m.broker && leads != 0)
    begin_leading(id);
}

void broker_cluster::begin_leading(raft_id id) {
  auto& m = of(id);
  auto term = raft_.driver(id)->term();
  auto wall = wall_time{1'000'000 + raft_.now() + m.wall_ahead};
  m.broker = std::make_unique<simulated_broker>(
    term, m.now, placement_, raft_.random(), raft_.clock(id), wall);
  newest_term_ = std::max(newest_term_, term);
  ++report_.leads;
}

void broker_cluster::end_leading(raft_id id) {
  auto& m = of(id);
  if (one_in(2)) // its actors hear what they were told before they end
    tell_actors(m);
  m.told.clear();
  m.to_tell.clear();
  m.broker = nullptr;
  m.refused = nullptr;
  report_.left_over += m.unapplied.size();
  for (auto& one : std::exchange(m.unapplied, {}))
    apply(m, one);
}

void broker_cluster::tell_actors(member& m) {
  for (auto& [p, index] : std::exchange(m.told, {}))
    m.broker->flushed(p, index);
  auto has = [&m](auto& one) {
    return m.now[one.partition.value].applied >= one.index;
  };
  while (!m.unapplied.empty()
         && std::ranges::all_of(entries_of(m.unapplied.front()), has))
    m.unapplied.pop_front();
}

std::optional<std::string> broker_cluster::state(raft_id id) {
  auto& m = of(id);
  if (!m.unapplied.empty() || m.flushed_at > m.at)
    return std::nullopt;
  flush(m);
  auto name = std::to_string(++report_.images);
  images_[name] = {m.at, m.now};
  return name;
}

void broker_cluster::flush(member& m) {
  if (!m.unapplied.empty() || m.flushed_at > m.at)
    return; // so that an image is complete up to an entry
  m.flushed = m.now;
  m.flushed_at = m.at;
}

bool broker_cluster::reachable(raft_id id) const {
  return raft_.driver(id) != nullptr && !raft_.paused(id);
}

void broker_cluster::time_passed() {
  for (raft_id id = 1; id <= members_.size(); ++id)
    if (reachable(id))
      work(id);
  clients_.act(raft_.now(), raft_.quiet());
}

void broker_cluster::work(raft_id id) {
  auto& m = of(id);
  if (m.broker)
    m.broker->set_time(raft_.clock(id));
  for (auto& asked : std::exchange(m.mailbox, {}))
    asked();
  if (one_in(50))
    flush(m);
  if (!m.broker)
    return;
  if (one_in(3)) {
    tell_actors(m);
    if (m.unapplied.empty())
      ledger_.compare(m.at, id, m.now);
  }
  if (one_in(3))
    m.broker->fire_due();
  m.broker->check();
  if (!one_in(4))
    submit(id);
}

void broker_cluster::submit(raft_id id) {
  auto& m = of(id);
  auto payload = std::exchange(m.refused, nullptr);
  if (!payload)
    payload = m.broker->take_batch();
  if (!payload)
    return;
  auto* broker = m.broker.get();
  if (!raft_.submit(id, payload) && m.broker.get() == broker)
    m.refused = std::move(payload); // what follows was decided on top of it
}

/// Any node takes it, and sends it on to whom it takes for the leader; one that
/// knows of none says so at once, and another one is asked.
void broker_cluster::request(std::function<void(simulated_broker&)> what) {
  if (!raft_.quiet() && one_in(30))
    return; // lost on the way
  raft_id id = 0;
  for (auto tries = members_.size(); id == 0 && tries > 0; --tries) {
    id = raft_id(1 + raft_.random()() % members_.size());
    if (reachable(id) && !of(id).broker)
      id = raft_.driver(id)->leader();
  }
  if (id == 0 || raft_.driver(id) == nullptr)
    return;
  auto run = [this, id, what = std::move(what)] {
    if (auto& m = of(id); m.broker) {
      m.broker->set_time(raft_.clock(id));
      what(*m.broker);
    }
  };
  if (raft_.paused(id))
    of(id).mailbox.push_back(std::move(run));
  else
    run();
}

bool broker_cluster::leads_newest(entry_term term) const {
  return term == newest_term_;
}

void broker_cluster::ended() {
  auto leader = std::ranges::find_if(members_, [this](auto& m) {
    return m.broker && m.broker->term() == newest_term_;
  });
  if (leader == members_.end())
    throw violation("no broker leads in the end");
  tell_actors(*leader);
  clients_.check_end();
  leader->broker->check_drained();
}

} // namespace callboard::test
