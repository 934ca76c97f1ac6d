// One thread appends, the node's own two write; all that reaches the disk is
// recorded.
#include "tests/power_loss/workload.hpp"

#include "tests/power_loss/recorder.hpp"

#include <algorithm>
#include <mutex>
#include <sstream>
#include <stdexcept>

namespace callboard::test {

partition_model partition_history::at(log_index index) const {
  auto out = base;
  for (auto& one : records)
    if (out.applied() < index)
      out.apply(one);
  return out;
}

log_index recorded_life::promised(partition_id p, std::size_t position) const {
  auto least = partitions[p.value].base.applied();
  for (auto& one : acknowledged)
    if (one.partition == p && one.position <= position)
      least = std::max(least, one.index);
  return least;
}

namespace {

inspection refusal(errc why, const std::string& diagnosis) {
  return {why == errc::corrupt ? finding::refused_as_corrupt : finding::refused,
          "refused to open: " + std::string{to_string(why)} + " " + diagnosis,
          {}};
}

} // namespace

inspection inspect(const recorded_life& life, std::size_t position,
                   const small_node_options& options) {
  std::string diagnosis;
  auto quiet = options;
  quiet.flush_in_background = false; // it is about what is on the disk
  auto node = small_node::open(quiet, diagnosis);
  if (!node)
    return refusal(node.error(), diagnosis);
  inspection out;
  wall_time last;
  for (std::size_t p = 0; p < life.partitions.size(); ++p) {
    auto& history = life.partitions[p];
    if (p >= (*node)->partitions())
      return {finding::wrong, "another number of partitions", {}};
    auto found = (*node)->db().applied({p});
    auto promised = life.promised({p}, position);
    out.promised += promised.value;
    out.found += found.value;
    std::ostringstream where;
    where << "partition " << p << " is at " << found << ", acknowledged up to "
          << promised << ", appended up to " << history.end();
    if (found > history.end())
      return {finding::wrong, where.str(), {}};
    auto expected = history.at(found);
    errc error = errc::none;
    auto text = expected.difference((*node)->db(), error);
    if (error != errc::none)
      return {error == errc::corrupt ? finding::read_as_corrupt
                                     : finding::unreadable,
              text,
              {}};
    if (!text.empty())
      return {finding::wrong, text, {}};
    if (found < promised && out.what == finding::right) {
      out.what = finding::short_of_promise;
      out.text = where.str();
    }
    last = std::max(last, expected.at());
    out.partitions.push_back(std::move(expected));
  }
  if ((*node)->db().last_time() != last)
    return {finding::wrong, "the last recorded time", {}};
  return out;
}

recorded_life live(random_source& random, const workload_options& options,
                   const disk_image& initial,
                   const std::vector<partition_model>& bases) {
  recorded_life out;
  out.initial = initial;
  std::vector<partition_model> present = bases;
  for (auto p = present.size(); p < options.node.partitions; ++p)
    present.emplace_back(partition_id{p});
  for (auto& one : present)
    out.partitions.push_back({one, {}});
  write_image(initial, options.node.folder);
  recorder disk_calls{options.node.folder, initial};
  std::mutex mutex;
  auto node_options = options.node;
  node_options.acknowledged = [&](partition_id p, log_index index) {
    auto position = disk_calls.position();
    std::lock_guard lock{mutex};
    out.acknowledged.push_back({position, p, index});
  };
  std::string diagnosis;
  auto node = small_node::open(node_options, diagnosis);
  if (!node)
    throw std::runtime_error("the node does not open: "
                             + std::string{to_string(node.error())} + " "
                             + diagnosis);
  auto burst = std::size_t{1};
  for (std::size_t i = 0; i < options.records; ++i) {
    auto p = below(random, present.size());
    auto what = present[p].next(random);
    present[p].apply(what);
    out.partitions[p].records.push_back(what);
    if (!(*node)->append({p}, std::move(what)))
      throw std::runtime_error("a flush failed");
    // Sometimes one record a flush, sometimes whatever queues up.
    if (--burst == 0) {
      if (!(*node)->wait_for_all())
        throw std::runtime_error("the journal is stuck, or a flush failed");
      burst = 1 + below(random, below(random, 2) == 0 ? 2 : 40);
    }
    if (below(random, 40) == 0) [[maybe_unused]]
      auto done = (*node)->db().flush();
  }
  if (!(*node)->wait_for_all())
    throw std::runtime_error("the journal is stuck, or a flush failed");
  if (options.stop_cleanly)
    (*node)->stop();
  node->reset();
  out.ops = disk_calls.take();
  return out;
}

} // namespace callboard::test
