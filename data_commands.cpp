// Take the directory, do it, say what came of it.
#include "data_commands.hpp"

#include "actors/replication/check_member.hpp"
#include "persistence/compact.hpp"
#include "persistence/data_folder.hpp"

#include <iostream>

namespace callboard {

namespace {

/// Says why the directory cannot be had. Returns the exit code.
int complain_of(errc why, const std::string& data) {
  auto told =
    why == errc::not_found
      ? server::failure{3, "callboard: " + data
                             + " is not a data directory: say which one with "
                               "--data"}
      : explain_folder(why, data);
  std::cerr << told.text << '\n';
  return told.exit_code;
}

} // namespace

server::failure explain(errc why, const std::string& data,
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
                   + ": the log needs 64 MiB files"};
    default:
      return {1, "callboard: cannot read or write " + data + " ("
                   + std::string{to_string(why)} + ")"
                   + (diagnosis.empty() ? "" : ": " + diagnosis)};
  }
}

server::failure explain_folder(errc why, const std::string& data) {
  if (why == errc::corrupt)
    return {1, "callboard: " + data
                 + " is damaged: what its file `node` says does not fit its "
                   "checksum; put the `node` of a copy in its place"};
  return explain(why, data, {});
}

int check_data(const std::string& data) {
  auto folder = data_folder::open_to_read(data);
  if (!folder)
    return complain_of(folder.error(), data);
  auto& who = folder->identity();
  auto found = who.member == 0
                 ? check(folder->store(), folder->wal(), who.partitions)
                 : check_member(folder->store(), folder->wal(),
                                folder->member(), who.partitions);
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
  if (auto known = data_folder::inspect(data); !known)
    return complain_of(known.error(), data);
  auto folder = data_folder::open(data, {});
  if (!folder)
    return complain_of(folder.error(), data);
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
