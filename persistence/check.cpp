// Tables one after the other, then the log against them.
#include "persistence/check.hpp"

#include "persistence/blocks.hpp"
#include "persistence/check_order.hpp"
#include "persistence/codec.hpp"
#include "persistence/keys.hpp"
#include "persistence/page_check.hpp"
#include "persistence/rows.hpp"
#include "persistence/store_format.hpp"
#include "persistence/wal.hpp"

#include <map>
#include <set>
#include <utility>

namespace callboard {

namespace {

class checker {
public:
  checker(const transaction& view, std::size_t partitions, check_report& report)
      : view_(view), partitions_(partitions), report_(report) {}

  void run() {
    auto format = view_.get(table::meta, "format");
    if (!format || !*format || **format != store_format)
      problem("the store's format is not " + std::string{store_format});
    for (std::size_t p = 0; p < partitions_; ++p) {
      check_applied({p});
      check_delayed({p});
      check_groups({p});
      check_consumers({p});
      check_streams({p});
      ordered_ += check_order(view_, {p}, report_);
    }
    report_.facts.push_back(
      "store: " + std::to_string(streams_) + " streams, "
      + std::to_string(events_) + " events in " + std::to_string(ordered_)
      + " runs of the order of all, " + std::to_string(groups_) + " groups, "
      + std::to_string(runs_) + " runs, " + std::to_string(delayed_.size())
      + " delayed messages, " + std::to_string(consumers_) + " consumers");
  }

  const std::vector<log_index>& applied() const { return applied_; }

private:
  void problem(const std::string& text) { report_.problems.push_back(text); }

  /// Calls `take` with each row whose key begins with `prefix`.
  template <class Take>
  void each(table where, const std::string& prefix, Take take) {
    auto rows = view_.rows(where);
    if (!rows)
      return problem("a table cannot be read");
    auto row = rows->seek(prefix);
    for (; row && *row && (*row)->key.starts_with(prefix); row = rows->next())
      take(**row);
    if (!row)
      problem("a table cannot be read to its end");
  }

  void check_applied(partition_id p) {
    auto value = view_.get(table::applied, keys::partition(p));
    log_index index;
    if (!value)
      problem("the row `applied` cannot be read");
    else if (*value) {
      if (auto row = read_applied(keys::partition(p), **value))
        index = row->index;
      else
        problem("the row `applied` of partition " + std::to_string(p.value)
                + " is damaged");
    }
    applied_.push_back(index);
  }

  void check_delayed(partition_id p) {
    each(table::delayed, keys::partition(p), [&](const row_view& row) {
      if (auto message = read_delayed(row.key, row.value))
        delayed_.insert(
          {p, message->due, message->stream, message->group, message->subject});
      else
        problem("a delayed message is damaged");
    });
  }

  void check_groups(partition_id p) {
    each(table::groups, keys::partition(p), [&](const row_view& row) {
      ++groups_;
      auto split = row.key.find('\0', 2);
      auto group = read_group(row.key, row.value);
      if (!group || split == std::string_view::npos)
        return problem("a group's row is damaged");
      check_runs(p, std::string{row.key.substr(2, split - 2)},
                 std::string{row.key.substr(split + 1)}, *group);
    });
  }

  void check_runs(partition_id p, const std::string& stream,
                  const std::string& name, const group_row& group) {
    std::map<lane, event_number> end{{lane::source, group.source_checkpoint},
                                     {lane::replay, group.replay_checkpoint}};
    auto who = "group " + stream + "::" + name;
    if (group.parked_job_due.value != 0
        && !delayed_.contains({p, group.parked_job_due, stream, name, 0}))
      problem(who + ": nothing will go on with its replay");
    each(table::group_events, keys::runs(p, group.id),
         [&](const row_view& row) {
           ++runs_;
           auto run = read_run(row.key, row.value);
           if (!run)
             return problem(who + ": a run is damaged");
           if (run->first < end[run->in])
             problem(who + ": runs overlap, or lie below the checkpoint, at "
                     + std::to_string(run->first.value));
           end[run->in] = run->first + run->count;
           if (run->due.value != 0
               && !delayed_.contains(
                 {p, run->due, stream, name, run->lease.value}))
             problem(who + ": nothing will wake the run at "
                     + std::to_string(run->first.value));
         });
  }

  void check_consumers(partition_id p) {
    each(table::consumers, keys::partition(p), [&](const row_view& row) {
      ++consumers_;
      if (!read_consumer(row.key, row.value))
        problem("a consumer's row is damaged");
    });
    each(table::positions, keys::partition(p), [&](const row_view& row) {
      if (!read_position(row.key, row.value))
        problem("the position of a consumer group is damaged");
    });
  }

  void check_streams(partition_id p) {
    each(table::streams, keys::partition(p), [&](const row_view& row) {
      ++streams_;
      auto name = std::string{row.key.substr(2)};
      auto head = read_stream(row.key, row.value);
      if (!head)
        return problem("stream " + name + ": its row is damaged");
      check_events(p, name, *head);
    });
  }

  void check_events(partition_id p, const std::string& name,
                    const stream_row& head) {
    for (auto from = head.first_live; from < head.next;) {
      std::vector<event_ptr> some;
      auto read = blocks::read(view_, p, head.id, from, head.next,
                               std::size_t{1} << 22, some);
      if (!read || some.empty() || some.front()->number != from)
        return problem("stream " + name + ": event "
                       + std::to_string(from.value)
                       + (read && some.empty() ? " is missing"
                                               : " or a later one is damaged"));
      events_ += some.size();
      from = some.back()->number + 1;
    }
  }

  const transaction& view_;
  std::size_t partitions_;
  check_report& report_;
  std::vector<log_index> applied_;
  std::set<std::tuple<partition_id, wall_time, std::string, std::string,
                      std::uint64_t>>
    delayed_;
  std::uint64_t streams_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t groups_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t ordered_ = 0;
  std::uint64_t consumers_ = 0;
};

} // namespace

checked_store check_store(const std::filesystem::path& store_folder,
                          std::size_t partitions) {
  checked_store out;
  if (!std::filesystem::exists(store_folder)) {
    out.applied.resize(partitions);
    return out;
  }
  // LMDB itself must not be asked about damaged pages.
  if (auto damage = find_damaged_page(store_folder, UINTMAX_MAX)) {
    out.report.problems.push_back(*damage);
    return out;
  }
  auto db = database::open({.folder = store_folder, .read_only = true});
  auto view = db ? db->read() : result<transaction>{db.error()};
  if (!view) {
    out.report.problems.push_back("the store cannot be opened: "
                                  + std::string{to_string(view.error())});
    return out;
  }
  checker all{*view, partitions, out.report};
  all.run();
  out.applied = all.applied();
  return out;
}

check_report check(const std::filesystem::path& store_folder,
                   const std::filesystem::path& wal_folder,
                   std::size_t partitions) {
  auto [report, last] = check_store(store_folder, partitions);
  if (last.empty())
    return report;
  auto found = wal::inspect(
    wal_folder,
    [&, &last = last](const wal_format::entry_view& entry) -> result<void> {
      if (entry.partition.value >= partitions)
        return errc::corrupt;
      auto& before = last[entry.partition.value];
      if (entry.index.value > before.value + 1)
        return errc::corrupt;
      before = std::max(before, entry.index);
      auto what = decode(entry.body);
      return what ? result<void>{} : result<void>{what.error()};
    });
  report.facts.push_back("wal: " + std::to_string(found.files) + " files, "
                         + std::to_string(found.frames) + " frames, "
                         + std::to_string(found.entries) + " entries");
  if (!found.problem.empty())
    report.problems.push_back(found.problem);
  return report;
}

} // namespace callboard
