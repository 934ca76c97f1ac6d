// A publisher of a simulated cluster: the same ids until there is an answer.
#include "tests/replication/raft_cluster.hpp"
#include "tests/simulation/cluster_clients.hpp"

#include <cstring>

namespace callboard::test {

void publisher::act() {
  if (current_) {
    if (current_->asked_at + 100 + world_.random() % 300 < world_.now)
      ask(); // the first time, or again: nobody knows what became of it
  } else if ((!world_.calm || endless_) && world_.one_in(15))
    begin();
}

void publisher::begin() {
  batch next;
  next.what.stream = streams_[world_.random() % streams_.size()];
  if (world_.one_in(3)) {
    auto known = known_.find(next.what.stream);
    next.what.expected =
      known == known_.end() ? expected_version::no_stream : known->second;
  }
  for (auto left = 1 + world_.random() % 3; left > 0; --left) {
    uuid id;
    auto bits = world_.random();
    std::memcpy(id.bytes.data(), &bits, 8);
    next.what.events.push_back(
      {id, name_, std::to_string(++sequence_), "", false});
  }
  current_ = std::move(next);
  ask();
}

void publisher::ask() {
  current_->asked_at = world_.now;
  world_.cluster.request([this, what = current_->what](auto& broker) {
    broker.home_of(what.stream)
      .append(what, [this, what, term = broker.term()](auto reply) {
        answered(what, reply, term);
      });
  });
}

void publisher::answered(const append_request& what, const append_reply& reply,
                         entry_term term) {
  if (world_.lost())
    return;
  auto where = world_.placement.home_of(what.stream);
  auto first = what.events.front().id;
  if (reply.error == errc::none) {
    auto number = reply.first;
    for (auto& e : what.events) {
      world_.log.require_stored(where, what.stream, number, e.id);
      stored_[e.id] = {what.stream, number};
      number = number + 1;
    }
    world_.counts.published += reply.repeated ? 0 : what.events.size();
    world_.counts.repeated += reply.repeated;
  } else if (world_.cluster.leads_newest(term)) {
    for (auto& e : what.events)
      refused_.insert(e.id);
    ++world_.counts.refused;
  } else
    return; // it may not know what others were told: asked again
  auto& known = known_.try_emplace(what.stream, -1).first->second;
  known = std::max(known, reply.current);
  if (current_ && current_->what.events.front().id == first)
    current_.reset();
}

void publisher::check_end() const {
  if (current_ && !endless_)
    throw violation(name_ + " gets no answer any more");
  for (auto& [id, at] : stored_)
    world_.log.require_stored(world_.placement.home_of(at.first), at.first,
                              at.second, id);
  for (auto& stream : streams_) {
    auto& rows = world_.log.rows(world_.placement.home_of(stream));
    std::uint64_t last = 0;
    for (event_number n; auto e = rows.find(stream, n); n = n + 1) {
      if (e->type != name_)
        continue;
      if (refused_.contains(e->id))
        throw violation("refused, and stored all the same: " + name_ + " "
                        + e->data);
      auto sequence = std::stoull(e->data);
      if (sequence <= last)
        throw violation("out of its publisher's order: " + name_ + " "
                        + e->data);
      last = sequence;
    }
  }
}

} // namespace callboard::test
