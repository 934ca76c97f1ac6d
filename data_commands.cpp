// Take the directory, do it, say what came of it.
#include "data_commands.hpp"

#include "actors/replication/check_member.hpp"
#include "persistence/compact.hpp"
#include "persistence/data_folder.hpp"
#include "persistence/wal_file.hpp"

#include <iostream>

namespace callboard {

namespace {

/// Says why the directory cannot be had. Returns the exit code.
int complain_of(errc why, const std::string& data,
                const std::string& diagnosis) {
  auto told =
    why == errc::not_found
      ? server::failure{3, "callboard: " + data
                             + " is not a data directory: say which one with "
                               "--data"}
      : explain_folder(why, data, diagnosis);
  std::cerr << told.text << '\n';
  return told.exit_code;
}

check_report check_folder(const data_folder& folder) {
  check_report lacking;
  for (auto& lost : {folder.missing_store(), folder.missing_log()})
    if (lost)
      lacking.problems.push_back(*lost);
  if (!lacking.problems.empty())
    return lacking; // what is left cannot fit
  auto& who = folder.identity();
  return who.member == 0 ? check(folder.store(), folder.wal(), who.partitions)
                         : check_member(folder.store(), folder.wal(),
                                        folder.member(), who.partitions);
}

server::failure explain_as_told(errc why, const std::string& data,
                                const std::string& diagnosis) {
  switch (why) {
    case errc::locked:
      return {3, "callboard: " + data
                   + " is in use by another broker: stop that one, or choose "
                     "another directory with --data"};
    case errc::unknown_format:
      return {3, "callboard: " + data
                   + " was written by a newer version, or is not ours: choose "
                     "another directory with --data, or update"};
    case errc::corrupt:
      return {1, "callboard: " + data + " is damaged: "
                   + (diagnosis.empty() ? "a row cannot be read" : diagnosis)
                   + "; `callboard check --data " + data + "` tells more"};
    case errc::storage_full:
      return {1, "callboard: no space left for " + data
                   + ": make room on that disk; the log needs 64 MiB files"};
    default:
      return {1,
              "callboard: cannot read or write " + data
                + (diagnosis.empty() ? " (" + std::string{to_string(why)} + ")"
                                     : ": " + diagnosis)};
  }
}

} // namespace

server::failure explain(errc why, const std::string& data,
                        const std::string& diagnosis) {
  return explain_as_told(true_cause(why, data), data, diagnosis);
}

server::failure explain_folder(errc why, const std::string& data,
                               const std::string& diagnosis) {
  if (why == errc::corrupt)
    return {1, "callboard: " + data
                 + " is damaged: what its file `node` says does not fit its "
                   "checksum; put the `node` of a copy in its place"};
  // Not LMDB's word: a disk that is read-only has no space left either.
  auto told = explain_as_told(why, data, diagnosis);
  if (why == errc::storage_failed)
    told.text += "; or choose another directory with --data";
  return told;
}

int check_data(const std::string& data) {
  std::string diagnosis;
  auto folder = data_folder::open_to_read(data, &diagnosis);
  if (!folder)
    return complain_of(folder.error(), data, diagnosis);
  auto found = check_folder(*folder);
  for (auto& line : found.facts)
    std::cout << line << '\n';
  for (auto& line : found.problems)
    std::cout << "problem: " << line << '\n';
  std::cout << (found.problems.empty() ? "no problem found"
                                       : "there are problems")
            << '\n';
  return found.problems.empty() ? 0 : 1;
}

int compact_data(const std::string& data) {
  std::string diagnosis;
  if (auto known = data_folder::inspect(data, &diagnosis); !known)
    return complain_of(known.error(), data, diagnosis);
  auto folder = data_folder::open(data, {}, &diagnosis);
  if (!folder)
    return complain_of(folder.error(), data, diagnosis);
  for (auto& lost : {folder->missing_store(), folder->missing_log()})
    if (lost) {
      auto why = explain(errc::corrupt, data, *lost);
      std::cerr << why.text << '\n';
      return why.exit_code;
    }
  auto done = compact(folder->store());
  if (done) {
    std::cout << "store: " << done->bytes_before << " bytes before, "
              << done->bytes_after << " after\n";
    return 0;
  }
  if (done.error() == errc::not_found) {
    std::cout << "nothing is stored yet\n";
    return 0;
  }
  auto why = explain(done.error(), data, {});
  if (done.error() == errc::storage_full)
    why.text =
      "callboard: no space left for " + data
      + ": compacting needs room for a copy of what is stored; nothing "
        "was changed";
  std::cerr << why.text << '\n';
  return why.exit_code;
}

} // namespace callboard
