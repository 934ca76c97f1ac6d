// Cores on top of rows, as the actors use them.
#include "tests/simulation/simulated_partition.hpp"

#include "actors/core/names.hpp"

#include <cstring>

namespace callboard::test {

append_reply
simulated_partition::append(append_request what,
                            std::function<void(append_reply)> then) {
  for (auto& name : heads_->needs(what))
    load(name);
  auto decided = heads_->append(what, now);
  if (decided.compare_stored)
    decided = heads_->append_checked(
      what, on_disk.events[heads_->find(what.stream)->id.value], now);
  auto reply = decided.reply;
  propose(std::move(decided.what), [reply, then] { then(reply); });
  tell_groups(what.stream);
  return reply;
}

void simulated_partition::create(const group_key& key,
                                 const group_settings& settings, done then) {
  auto parked = parked_stream(key.stream, key.group);
  load(key.stream);
  load(parked);
  auto end_of = [&](const std::string& name) {
    auto* head = heads_->find(name);
    return head ? head->next : event_number{};
  };
  auto row = subscription::first_row({++last_group_}, settings,
                                     end_of(key.stream), end_of(parked));
  record what;
  what.changes.emplace_back(put_group{key.stream, key.group, row});
  propose(std::move(what), std::move(then));
  groups_.insert_or_assign(
    key, subscription{key, row, {}, end_of(key.stream), end_of(parked)});
}

void simulated_partition::fetch(const group_key& key, std::size_t count,
                                std::function<void(const deliveries&)> then) {
  std::map<position, event_ptr> found;
  auto todo = group(key).lease(readable(key, count, found), now);
  deliveries out;
  for (auto& one : todo.leased)
    out.emplace_back(one, found.at(one.at));
  perform(key, std::move(todo), [out = std::move(out), then] { then(out); });
}

std::vector<leasable>
simulated_partition::readable(const group_key& key, std::size_t count,
                              std::map<position, event_ptr>& found) {
  auto parked = parked_stream(key.stream, key.group);
  std::vector<leasable> wanted;
  for (auto& [in, numbers] : group(key).peek(count))
    for (auto n = numbers.first; n < numbers.end(); n = n + 1) {
      auto e = committed(in == lane::source ? key.stream : parked, n);
      if (!e)
        return wanted; // proposed, not yet readable
      found[{in, n}] = e;
      wanted.push_back(as_leasable({in, n}, *e));
    }
  return wanted;
}

void simulated_partition::perform(const group_key& key, group_effects todo,
                                  done then, done applied) {
  record what;
  what.changes = std::move(todo.changes);
  if (!todo.parked.empty() || todo.cut_parked) {
    auto parked = parked_stream(key.stream, key.group);
    load(parked);
    std::vector<new_event> links;
    for (auto& one : todo.parked)
      links.push_back(
        {new_id(), std::string{link_type}, one.target, one.reason, false});
    heads_->append_links(parked, std::move(links), todo.cut_parked, what, now);
  }
  propose(std::move(what), std::move(then), std::move(applied));
}

void simulated_partition::fire(const delayed_message& message) {
  if (auto found = groups_.find({message.stream, message.group});
      found != groups_.end())
    perform(found->first, found->second.fire(message, now, random()), [] {});
}

const stream_row* simulated_partition::head(const std::string& name) {
  load(name);
  return heads_->find(name);
}

/// Nobody else has it: ids that two leaders give must differ.
uuid simulated_partition::new_id() {
  uuid id;
  for (std::size_t half : {0, 8}) {
    auto bits = random();
    std::memcpy(id.bytes.data() + half, &bits, 8);
  }
  return id;
}

void simulated_partition::load(const std::string& name) {
  if (heads_->knows(name))
    return;
  auto found = on_disk.streams.find(name);
  heads_->load(name, found == on_disk.streams.end()
                       ? std::nullopt
                       : std::optional{found->second});
}

/// In the broker groups hear of events once they are flushed; hearing earlier
/// is harsher: peek may name what cannot be read yet.
void simulated_partition::tell_groups(const std::string& stream) {
  auto* row = heads_->find(stream);
  for (auto& [key, core] : groups_)
    if (key.stream == stream && row != nullptr) {
      core.publish(row->next);
      perform(key, core.cut(lane::source, row->first_live), [] {});
    }
}

void simulated_partition::restart() {
  heads_.emplace(stream_id{on_disk.last_stream});
  for (auto& [stream, events] : on_disk.events)
    for (auto& e : events)
      heads_->remember(e->id, {stream}, e->number);
  last_group_ = on_disk.last_group;
  groups_.clear();
  for (auto& [key, row] : on_disk.groups)
    load(key, row);
}

void simulated_partition::load(const group_key& key, const group_row& row) {
  std::vector<run_row> stored;
  for (auto in : {lane::source, lane::replay})
    for (auto& [first, run] : on_disk.runs[{row.id.value, in}])
      stored.push_back(run);
  auto parked = parked_stream(key.stream, key.group);
  auto end_of = [&](const std::string& name) {
    auto found = on_disk.streams.find(name);
    return found == on_disk.streams.end() ? event_number{} : found->second.next;
  };
  auto& core = groups_
                 .emplace(key, subscription{key, row, stored,
                                            end_of(key.stream), end_of(parked)})
                 .first->second;
  for (auto& [due, id] : core.messages())
    core.recall(on_disk.delayed.at({due.value, id.value}));
  std::vector<history_row> ended;
  for (auto& [at, one] : on_disk.history)
    if (std::get<0>(at) == row.id.value)
      ended.push_back(one);
  core.recall(ended);
  for (auto& [in, numbers] : core.unidentified())
    for (auto n = numbers.first; n < numbers.end(); n = n + 1)
      if (auto e = committed(in == lane::source ? key.stream : parked, n))
        core.identify(as_leasable({in, n}, *e));
}

} // namespace callboard::test
