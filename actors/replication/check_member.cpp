// The member file, the log behind its base, the records in the log.
#include "actors/replication/check_member.hpp"

#include "actors/replication/log_batch.hpp"
#include "actors/replication/log_disk.hpp"
#include "persistence/codec.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace callboard {

namespace {

class log_checker {
public:
  log_checker(member_state state, std::vector<log_index> applied,
              check_report& report)
      : known_(std::move(applied)), report_(report) {
    log_.state = std::move(state);
  }

  void run(const std::filesystem::path& wal_folder) {
    auto found = wal::inspect(wal_folder, [this](auto& e) { return take(e); });
    report_.facts.push_back("wal: " + std::to_string(found.files) + " files, "
                            + std::to_string(found.frames) + " frames, "
                            + std::to_string(found.entries) + " entries");
    if (!found.problem.empty())
      report_.problems.push_back(found.problem);
    describe();
    check_entries();
  }

private:
  result<void> take(const wal_format::entry_view& entry) {
    auto next = log_.state.base.index + log_.entries.size() + 1;
    if (entry.index.value > next)
      report_.problems.push_back(
        "the log: entries " + std::to_string(next) + " to "
        + std::to_string(entry.index.value - 1) + " are missing");
    return take_entry(log_, entry);
  }

  void describe() {
    auto& [self, recovering, starts, vote, base] = log_.state;
    std::string text =
      "log: node " + std::to_string(self) + " in term "
      + std::to_string(vote.term) + ", base " + std::to_string(base.index)
      + " of term " + std::to_string(base.term) + ", "
      + std::to_string(log_.entries.size()) + " entries behind it";
    if (!log_.entries.empty())
      text += ", the last of term " + std::to_string(log_.entries.back().term);
    if (recovering)
      text += "; it does not vote before it has caught up";
    report_.facts.push_back(text);
  }

  void check_entries() {
    auto index = log_.state.base.index;
    auto term = log_.state.base.term;
    for (auto& entry : log_.entries) {
      ++index;
      if (entry.term < term)
        problem(index, "is of an older term than the one before it");
      term = entry.term;
      if (entry.kind == entry_kind::command && !check_records(index, entry))
        return;
    }
    if (term > log_.state.vote.term)
      problem(index, "is of a term that the member file does not know");
  }

  bool check_records(entry_index index, const log_entry& entry) {
    auto batch = decode_batch(*entry.payload);
    if (!batch)
      return problem(index, "cannot be read");
    for (auto& one : *batch) {
      auto p = one.partition.value;
      if (p >= known_.size())
        return problem(index, "is of a partition that there is not");
      auto name = "partition " + std::to_string(p);
      if (one.index.value > known_[p].value + 1)
        return problem(index, "is not the next one of " + name
                                + ": records in between are missing");
      known_[p] = std::max(known_[p], one.index);
      if (!decode(one.body))
        return problem(index,
                       "has a record of " + name + " that cannot be read");
    }
    return true;
  }

  bool problem(entry_index index, const std::string& what) {
    report_.problems.push_back("the log: entry " + std::to_string(index) + " "
                               + what);
    return false;
  }

  stored_member log_;
  std::vector<log_index> known_; // the last record of each partition
  check_report& report_;
};

} // namespace

check_report check_member(const std::filesystem::path& store_folder,
                          const std::filesystem::path& wal_folder,
                          const std::filesystem::path& member_file,
                          std::size_t partitions) {
  auto store = check_store(store_folder, partitions);
  auto report = std::move(store.report);
  auto state = load_member(member_file);
  if (!state)
    report.problems.push_back(member_file.string() + " cannot be read: "
                              + std::string{to_string(state.error())});
  else if (!*state)
    report.problems.push_back(member_file.string()
                              + " is missing: this node does not know its vote "
                                "nor where its log begins");
  if (!report.problems.empty() && (!state || !*state || store.applied.empty()))
    return report;
  log_checker{std::move(**state), std::move(store.applied), report}.run(
    wal_folder);
  return report;
}

} // namespace callboard
