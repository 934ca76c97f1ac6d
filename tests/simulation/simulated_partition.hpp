// A partition without CAF and disks: the cores, a log that loses its unflushed
// end, and rows; the clients and their promises are the test's.
#pragma once

#include "actors/core/names.hpp"
#include "actors/core/stream_heads.hpp"
#include "actors/core/subscription.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

/// What is on disk: the sum of all records that were flushed.
struct disk {
  std::map<std::string, stream_row> streams;
  std::map<std::uint64_t, std::vector<event_ptr>> events; // by stream id
  std::map<group_key, group_row> groups;
  std::map<std::pair<std::uint64_t, lane>, std::map<std::uint64_t, run_row>>
    runs; // by group id and lane
  std::map<std::pair<std::uint64_t, std::uint64_t>, delayed_message> delayed;
  std::uint64_t last_stream = 0;
  std::uint64_t last_group = 0;

  void apply(const record& what) {
    for (auto& [stream, e] : what.events)
      events[stream.value].push_back(e);
    for (auto& one : what.changes)
      std::visit([this](auto& x) { put(x); }, one);
  }

private:
  void put(const put_stream& x) {
    streams[x.name] = x.row;
    last_stream = std::max(last_stream, x.row.id.value);
  }

  void put(const put_group& x) {
    groups[{x.stream, x.group}] = x.row;
    last_group = std::max(last_group, x.row.id.value);
  }

  void put(const erase_group& x) { groups.erase({x.stream, x.group}); }

  void put(const put_run& x) {
    runs[{x.group.value, x.row.in}][x.row.first.value] = x.row;
  }

  void put(const erase_run& x) {
    runs[{x.group.value, x.in}].erase(x.first.value);
  }

  void put(const put_delayed& x) {
    delayed[{x.message.due.value, x.message.id.value}] = x.message;
  }

  void put(const erase_delayed& x) { delayed.erase({x.due.value, x.id.value}); }

  void put(const put_user&) {}

  void put(const erase_user&) {}

  void put(const put_consumer&) {}

  void put(const erase_consumer&) {}

  void put(const put_position&) {}
};

/// Decides like `partition_actor` and `group_actor`, in one thread. A callback
/// runs when its record, and all before it, are flushed; never if they are
/// lost.
class simulated_partition {
public:
  explicit simulated_partition(std::uint64_t seed) : random(seed) { restart(); }

  using done = std::function<void()>;

  append_reply append(append_request what,
                      std::function<void(append_reply)> then) {
    for (auto& name : heads_->needs(what))
      load(name);
    auto decided = heads_->append(what, wall());
    if (decided.compare_stored)
      decided = heads_->append_checked(
        what, on_disk.events[heads_->find(what.stream)->id.value], wall());
    auto reply = decided.reply;
    propose(std::move(decided.what), [reply, then] { then(reply); });
    tell_groups(what.stream);
    return reply;
  }

  void create(const group_key& key, const group_settings& settings) {
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
    propose(std::move(what), [] {});
    groups_.insert_or_assign(
      key, subscription{key, row, {}, end_of(key.stream), end_of(parked)});
  }

  subscription& group(const group_key& key) { return groups_.at(key); }

  /// Leases what `peek` says, up to `count`; `then` gets what was delivered.
  void fetch(
    const group_key& key, std::size_t count,
    std::function<void(std::vector<std::pair<leased_event, event_ptr>>)> then) {
    auto& core = group(key);
    std::vector<leasable> wanted;
    std::map<position, event_ptr> found;
    for (auto& [in, numbers] : core.peek(count))
      for (auto n = numbers.first; n < numbers.end(); n = n + 1) {
        auto e =
          committed(in == lane::source ? key.stream
                                       : parked_stream(key.stream, key.group),
                    n);
        if (!e)
          goto enough; // proposed, not yet readable
        found[{in, n}] = e;
        wanted.push_back({{in, n}, e->id, is_link(*e) ? e->data : ""});
      }
  enough:
    auto todo = core.lease(wanted, now);
    std::vector<std::pair<leased_event, event_ptr>> out;
    for (auto& one : todo.leased)
      out.emplace_back(one, found.at(one.at));
    perform(key, std::move(todo), [out = std::move(out), then] { then(out); });
  }

  void perform(const group_key& key, group_effects todo, done then) {
    record what;
    what.changes = std::move(todo.changes);
    if (!todo.parked.empty() || todo.cut_parked) {
      auto parked = parked_stream(key.stream, key.group);
      load(parked);
      std::vector<new_event> links;
      for (auto& one : todo.parked)
        links.push_back(
          {new_id(), std::string{link_type}, one.target, one.reason, false});
      heads_->append_links(parked, std::move(links), todo.cut_parked, what,
                           wall());
    }
    propose(std::move(what), std::move(then));
  }

  /// Hands out what is due, as the timer does: from the rows, perhaps twice.
  void fire_due() {
    auto due = on_disk.delayed; // firing changes it
    for (auto& [key, message] : due)
      if (message.due <= now)
        for (auto times = 1 + random() % 2; times > 0; --times)
          if (auto found = groups_.find({message.stream, message.group});
              found != groups_.end())
            perform(found->first, found->second.fire(message, now, random()),
                    [] {});
  }

  /// The first `count` records that wait reach the disk.
  void flush(std::size_t count = SIZE_MAX) {
    for (; count > 0 && !log_.empty(); --count) {
      auto next = std::move(log_.front());
      log_.pop_front();
      on_disk.apply(next.first);
      for (auto& then : next.second)
        then();
    }
  }

  /// Some of what waits is on disk and nobody was told; the rest is lost.
  void crash() {
    for (auto kept = random() % (log_.size() + 1); kept > 0; --kept) {
      on_disk.apply(log_.front().first);
      log_.pop_front();
    }
    log_.clear();
    restart();
  }

  std::size_t unflushed() const { return log_.size(); }

  const stream_row* head(const std::string& name) {
    load(name);
    return heads_->find(name);
  }

  event_ptr committed(const std::string& stream, event_number n) const {
    auto row = on_disk.streams.find(stream);
    if (row == on_disk.streams.end() || n >= row->second.next
        || n < row->second.first_live)
      return nullptr;
    return on_disk.events.at(row->second.id.value).at(n.value);
  }

  uuid new_id() {
    uuid id;
    ++last_id_;
    std::memcpy(id.bytes.data(), &last_id_, 8);
    return id;
  }

  disk on_disk;
  wall_time now{1'000'000};
  std::mt19937_64 random;

private:
  wall_time wall() const { return now; }

  void load(const std::string& name) {
    if (heads_->knows(name))
      return;
    auto found = on_disk.streams.find(name);
    heads_->load(name, found == on_disk.streams.end()
                         ? std::nullopt
                         : std::optional{found->second});
  }

  void propose(record what, done then) {
    if (!what.empty())
      log_.emplace_back(std::move(what), std::vector<done>{std::move(then)});
    else if (log_.empty())
      then();
    else
      log_.back().second.push_back(std::move(then));
  }

  /// In the broker groups hear of events once they are flushed; hearing earlier
  /// is harsher: peek may name what cannot be read yet.
  void tell_groups(const std::string& stream) {
    auto* row = heads_->find(stream);
    for (auto& [key, core] : groups_)
      if (key.stream == stream && row != nullptr) {
        core.publish(row->next);
        perform(key, core.cut(lane::source, row->first_live), [] {});
      }
  }

  void restart() {
    heads_.emplace(stream_id{on_disk.last_stream});
    for (auto& [stream, events] : on_disk.events)
      for (auto& e : events)
        heads_->remember(e->id, {stream}, e->number);
    last_group_ = on_disk.last_group;
    groups_.clear();
    for (auto& [key, row] : on_disk.groups) {
      std::vector<run_row> stored;
      for (auto in : {lane::source, lane::replay})
        for (auto& [first, run] : on_disk.runs[{row.id.value, in}])
          stored.push_back(run);
      auto end_of = [&](const std::string& name) {
        auto found = on_disk.streams.find(name);
        return found == on_disk.streams.end() ? event_number{}
                                              : found->second.next;
      };
      auto parked = parked_stream(key.stream, key.group);
      auto& core =
        groups_
          .emplace(key, subscription{key, row, stored, end_of(key.stream),
                                     end_of(parked)})
          .first->second;
      for (auto& [in, numbers] : core.unidentified())
        for (auto n = numbers.first; n < numbers.end(); n = n + 1)
          if (auto e = committed(in == lane::source ? key.stream : parked, n))
            core.identify({{in, n}, e->id, is_link(*e) ? e->data : ""});
    }
  }

  std::optional<stream_heads> heads_;
  std::map<group_key, subscription> groups_;
  std::deque<std::pair<record, std::vector<done>>> log_;
  std::uint64_t last_group_ = 0;
  std::uint64_t last_id_ = 0;
};

} // namespace callboard::test
