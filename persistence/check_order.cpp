// Streams by id, then the runs in order, each counted off against its stream.
#include "persistence/check_order.hpp"

#include "persistence/keys.hpp"
#include "persistence/order_blocks.hpp"
#include "persistence/order_sweep.hpp"
#include "persistence/rows.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace callboard {

namespace {

constexpr std::size_t runs_at_once = 10'000;

class order_checker {
public:
  order_checker(const transaction& view, partition_id p, check_report& report)
      : view_(view), p_(p), report_(report) {}

  std::uint64_t run() {
    read_streams();
    read_order();
    for (auto& [id, one] : streams_)
      if (one.counted < one.next && one.first_live < one.next)
        problem(one.name, std::max(one.counted, one.first_live));
    return runs_;
  }

private:
  struct counted_stream {
    std::string name;
    event_number first_live;
    event_number next;
    event_number counted; // behind the last one that has a place
  };

  void problem(const std::string& stream, event_number number) {
    report_.problems.push_back("stream " + stream + ": event "
                               + std::to_string(number.value)
                               + " has no place, or two, in the order of all");
  }

  void read_streams() {
    auto prefix = keys::partition(p_);
    auto rows = view_.rows(table::streams);
    if (!rows)
      return; // told by the check of streams
    auto row = rows->seek(prefix);
    for (; row && *row && (*row)->key.starts_with(prefix); row = rows->next()) {
      auto head = read_stream((*row)->key, (*row)->value);
      if (!head)
        continue;
      std::string name{(*row)->key.substr(prefix.size())};
      auto stored = stored_name(view_, p_, head->id);
      if (!stored || *stored != name)
        report_.problems.push_back("stream " + name
                                   + ": it is not found by its id");
      streams_[head->id] = {std::move(name), head->first_live, head->next, {}};
    }
  }

  void read_order() {
    log_position from;
    auto end = log_position::behind({UINT64_MAX - 1});
    for (;;) {
      auto some = order_blocks::read(view_, p_, from, end, runs_at_once,
                                     reading_order::oldest_first);
      if (!some)
        return report_.problems.push_back(
          "partition " + std::to_string(p_.value)
          + ": a block of the order of events is damaged or hidden");
      for (auto& run : *some) {
        if (run.first < from)
          return report_.problems.push_back(
            "partition " + std::to_string(p_.value) + ": "
            + to_string(run.first) + " stands before its predecessor");
        from = run.end();
        ++runs_;
        count(run);
      }
      if (some->size() < runs_at_once)
        return;
    }
  }

  void count(const ordered_run& run) {
    auto found = streams_.find(run.stream);
    if (found == streams_.end())
      return report_.problems.push_back("the order of events names a stream "
                                        "that is not there, id "
                                        + std::to_string(run.stream.value));
    auto& stream = found->second;
    auto wanted = std::max(stream.counted, stream.first_live);
    if (run.number < stream.counted || run.number + run.count > stream.next
        || run.number > wanted)
      problem(stream.name, std::min(wanted, run.number));
    stream.counted = std::max(stream.counted, run.number + run.count);
  }

  const transaction& view_;
  partition_id p_;
  check_report& report_;
  std::unordered_map<stream_id, counted_stream> streams_;
  std::uint64_t runs_ = 0;
};

} // namespace

std::uint64_t check_order(const transaction& view, partition_id p,
                          check_report& report) {
  return order_checker{view, p, report}.run();
}

} // namespace callboard
