// Decide, record in partition 0, then deal out and reply.
#include "actors/membership_actor.hpp"

#include "actors/consumer_actor.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/topics.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

errc membership_state::begin() {
  if (core)
    return errc::none;
  if (partitions.empty())
    partitions = table();
  if (partitions.empty())
    return errc::unavailable;
  auto rows = node->db->consumers();
  if (!rows)
    return rows.error();
  core.emplace(node->placement.partitions(), silence_max);
  epoch = {std::max(epoch.value, node->db->applied({0}).value)};
  std::map<consumer_key, consumer_actor> before;
  before.swap(actors);
  std::set<std::string> groups;
  for (auto& [key, row] : *rows) {
    auto known = before.extract(key);
    if (known.empty()) {
      start(key, row.group, new_reader());
    } else {
      actors.insert(std::move(known));
    }
    groups.insert(row.group);
    core->load(key, std::move(row), node->now());
  }
  for (auto& [key, actor] : before) {
    with_slices.erase(key);
    connections.end(key);
    self->send(actor, failed_atom_v, caf::make_error(errc::not_found));
  }
  for (auto& group : groups)
    deal(group);
  count();
  return errc::none;
}

bool membership_state::enqueue(std::function<void()> run) {
  if (changes.size() >= limits::membership_changes_max)
    return false;
  changes.push_back(std::move(run));
  if (changes.size() == 1)
    changes.front()();
  return true;
}

void membership_state::next() {
  auto ended = std::move(changes.front()); // it may be what calls us
  changes.pop_front();
  if (!changes.empty())
    changes.front()();
}

void membership_state::record(std::vector<change> what,
                              std::function<void(errc)> then) {
  proposal todo;
  todo.changes = std::move(what);
  self
    ->request(partitions.front(), caf::infinite, propose_atom_v,
              std::move(todo))
    .then(
      [this, then](log_index at) {
        epoch = {std::max(epoch.value, at.value)};
        then(errc::none);
      },
      [then](const caf::error& why) { then(to_errc(why)); });
}

/// What was decided may never be recorded: the rows tell what is.
void membership_state::lost(errc why) {
  spdlog::error("a change of consumers cannot be recorded error={}",
                to_string(why));
  core.reset();
}

/// The group begins to read its topics, in all partitions.
void membership_state::open_then(const join_request& what,
                                 std::function<void(errc)> then) {
  struct gathering {
    std::size_t left = 0;
    errc failed = errc::none;
  };

  auto all = std::make_shared<gathering>();
  all->left = partitions.size();
  auto one_less = [all, then = std::move(then)](errc why) {
    if (why != errc::none)
      all->failed = why;
    if (--all->left == 0)
      then(all->failed);
  };
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    open_readers here{what.group, {}, what.from};
    for (auto& topic : what.topics)
      here.streams.push_back(topic_stream(node->placement, topic, {p}));
    self->request(partitions[p], caf::infinite, open_atom_v, std::move(here))
      .then([one_less](bool) { one_less(errc::none); },
            [one_less](const caf::error& why) { one_less(to_errc(why)); });
  }
}

caf::result<join_reply> membership_state::join(join_request& what) {
  auto promise = self->make_response_promise<join_reply>();
  auto run = [this, promise, what = std::move(what)]() mutable {
    if (auto why = begin(); why != errc::none) {
      promise.deliver(caf::make_error(why));
      return next();
    }
    what.shared = connections.others(what.key, what.connection);
    if (core->outcome_of(what) != join_outcome::joined)
      return finish_join(what, core->join(what, node->now()).outcome, promise);
    open_then(what, [this, promise, what](errc opened) mutable {
      if (opened == errc::too_large)
        return finish_join(what, join_outcome::too_many_topics, promise);
      if (opened != errc::none) {
        promise.deliver(caf::make_error(opened));
        return next();
      }
      record(core->join(what, node->now()).changes,
             [promise, this, what](errc why) mutable {
               if (why == errc::none)
                 return finish_join(what, join_outcome::joined, promise);
               lost(why);
               promise.deliver(caf::make_error(why));
               next();
             });
    });
  };
  if (!enqueue(std::move(run)))
    return caf::make_error(errc::overloaded);
  return promise;
}

void membership_state::finish_join(const join_request& what,
                                   join_outcome outcome,
                                   caf::typed_response_promise<join_reply> to) {
  join_reply reply{outcome, {}};
  if (outcome == join_outcome::joined || outcome == join_outcome::already) {
    reply.reader = new_reader();
    connections.add(what.key, reply.reader, what.connection);
    start(what.key, what.group, reply.reader);
  }
  if (outcome == join_outcome::joined)
    deal(what.group);
  count();
  to.deliver(reply);
  next();
}

caf::result<bool> membership_state::leave(consumer_ref& who, bool commit) {
  auto promise = self->make_response_promise<bool>();
  auto run = [this, promise, who, commit]() mutable {
    auto actor = serving(who.key);
    if (!actor) {
      promise.deliver(
        caf::make_error(core ? errc::not_found : errc::unavailable));
      return next();
    }
    if (!commit)
      return remove(who, promise);
    self->request(actor, caf::infinite, commit_atom_v, who.reader)
      .then([this, who, promise](bool) { remove(who, promise); },
            [this, promise](caf::error& why) mutable {
              promise.deliver(std::move(why));
              next();
            });
  };
  if (!enqueue(std::move(run)))
    return caf::make_error(errc::overloaded);
  return promise;
}

void membership_state::remove(const consumer_ref& who,
                              caf::typed_response_promise<bool> to) {
  if (connections.leave(who.key, who.reader)) {
    to.deliver(true);
    return next();
  }
  auto& key = who.key;
  auto group = core->find(key)->group;
  record(core->leave(key), [this, key, group, to](errc why) mutable {
    if (why == errc::none) {
      end(key);
      deal(group);
      to.deliver(true);
    } else {
      lost(why);
      to.deliver(caf::make_error(why));
    }
    next();
  });
}

caf::result<bool> membership_state::fired(const delayed_message& message) {
  auto promise = self->make_response_promise<bool>();
  auto run = [this, promise, message]() mutable {
    if (auto why = begin(); why != errc::none) {
      promise.deliver(caf::make_error(why));
      return next();
    }
    auto expired = core->fire(message, node->now());
    consumer_key key{message.stream, message.group};
    record(std::move(expired.changes),
           [this, promise, key, group = expired.group](errc why) mutable {
             if (why != errc::none) {
               lost(why);
               promise.deliver(caf::make_error(why));
               return next();
             }
             if (!group.empty()) {
               spdlog::info("consumer was silent for too long id={} group={}",
                            key.id, group);
               end(key);
               deal(group);
             }
             promise.deliver(true);
             next();
           });
  };
  if (!enqueue(std::move(run)))
    return caf::make_error(errc::overloaded);
  return promise;
}

consumer_actor membership_state::serving(const consumer_key& key) {
  if (begin() != errc::none || !core->touch(key, node->now()))
    return {};
  auto found = actors.find(key);
  return found == actors.end() ? consumer_actor{} : found->second;
}

caf::result<poll_reply_ptr> membership_state::poll(poll_request& what) {
  auto actor = serving(what.who.key);
  if (!actor)
    return caf::make_error(core ? errc::not_found : errc::unavailable);
  if (what.wait.count() > 0)
    return begin_wait(actor, what);
  return self->delegate(actor, poll_atom_v, std::move(what));
}

caf::result<poll_reply_ptr>
membership_state::begin_wait(const consumer_actor& actor, poll_request& what) {
  auto asker = std::make_shared<caf::typed_response_promise<poll_reply_ptr>>(
    self->make_response_promise<poll_reply_ptr>());
  waiting.insert(asker);
  core->begin_wait(what.who.key);
  auto ended = [this, asker, key = what.who.key] {
    waiting.erase(asker);
    if (core)
      core->end_wait(key, node->now());
  };
  self->request(actor, caf::infinite, poll_atom_v, std::move(what))
    .then(
      [asker, ended](poll_reply_ptr& reply) {
        ended();
        asker->deliver(std::move(reply));
      },
      [asker, ended](caf::error& why) {
        ended();
        asker->deliver(std::move(why));
      });
  return *asker;
}

caf::result<bool> membership_state::commit(const consumer_ref& who) {
  auto actor = serving(who.key);
  if (!actor)
    return caf::make_error(core ? errc::not_found : errc::unavailable);
  return self->delegate(actor, commit_atom_v, who.reader);
}

caf::result<bool> membership_state::touch(const consumer_key& key) {
  return bool(serving(key));
}

void membership_state::cancel(const consumer_key& key, std::uint64_t session) {
  if (auto found = actors.find(key); found != actors.end())
    self->send(found->second, cancel_atom_v, session);
}

/// A group may have thousands of members, a topic only as many readers as there
/// are partitions: the others are left alone. Who has slices always hears of
/// the epoch, or what others poll would make his polls outdated.
void membership_state::deal(const std::string& group) {
  for (auto& [key, slices] : core->assigned(group)) {
    auto found = actors.find(key);
    if (found == actors.end())
      continue;
    auto had_some = with_slices.erase(key) > 0;
    if (!slices.empty())
      with_slices.insert(key);
    if (had_some || !slices.empty())
      self->send(found->second, assigned_atom_v,
                 member_slices{epoch, std::move(slices)});
  }
}

void membership_state::end(const consumer_key& key) {
  with_slices.erase(key);
  connections.end(key);
  if (auto found = actors.extract(key))
    self->send(found.mapped(), failed_atom_v, caf::make_error(errc::not_found));
  count();
}

/// Who polls for the consumer from now on; its actor, if it has none yet.
void membership_state::start(const consumer_key& key, const std::string& group,
                             reader_id reader) {
  auto& actor = actors[key];
  if (!actor)
    actor =
      self->spawn<caf::monitored>(consumer_behavior, group, node, partitions);
  self->send(actor, join_atom_v, reader);
}

reader_id membership_state::new_reader() const {
  return {node->random() | 1}; // 0 stands for the latest one
}

/// An actor ended: if nobody told it to, it failed, and another one goes on
/// with what is committed.
void membership_state::ended(const caf::actor_addr& who) {
  auto found = std::find_if(actors.begin(), actors.end(),
                            [&](auto& one) { return one.second == who; });
  if (found == actors.end())
    return;
  auto key = found->first;
  actors.erase(found);
  if (!core)
    return; // `begin` starts it
  if (auto* row = core->find(key)) {
    start(key, row->group, new_reader());
    deal(row->group);
  }
}

void membership_state::count() {
  node->counts.consumers_registered = actors.size();
}

void membership_state::stop() {
  for (auto& [key, actor] : std::exchange(actors, {}))
    self->send(actor, failed_atom_v, caf::make_error(errc::unavailable));
  count(); // the node's gauge outlives this leadership
  // They would answer to nobody.
  for (auto& asker : std::exchange(waiting, {}))
    asker->deliver(caf::make_error(errc::unavailable));
  partitions.clear();
}

membership_actor::behavior_type
membership_behavior(membership_actor::stateful_pointer<membership_state> self,
                    node_ptr node, partition_table table,
                    std::chrono::milliseconds silence_max) {
  auto& state = self->state;
  state.self = self;
  state.node = std::move(node);
  state.table = std::move(table);
  state.silence_max = silence_max;
  self->set_down_handler(
    [self](caf::down_msg& down) { self->state.ended(down.source); });
  self->set_exit_handler([self](caf::exit_msg& why) {
    self->state.stop();
    self->quit(why.reason);
  });
  return {
    [&](join_atom, join_request& what) { return state.join(what); },
    [&](poll_atom, poll_request& what) { return state.poll(what); },
    [&](commit_atom, const consumer_ref& who) { return state.commit(who); },
    [&](leave_atom, consumer_ref& who, bool commit) {
      return state.leave(who, commit);
    },
    [&](touch_atom, const consumer_key& key) { return state.touch(key); },
    [&](cancel_atom, const consumer_key& key, std::uint64_t session) {
      state.cancel(key, session);
    },
    [&](fired_atom, const delayed_message& message) {
      return state.fired(message);
    },
    [&](wake_atom) {
      if (auto why = state.begin(); why != errc::none)
        spdlog::error("consumers cannot be read error={}", to_string(why));
    },
  };
}

} // namespace callboard
