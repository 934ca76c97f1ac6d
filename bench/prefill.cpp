// Makes a data directory with many delayed messages in it, far in the future.
//
//   prefill --data=DIR [--pending=1000000] [--from_minutes=60]
//
// They are due one a millisecond from then on, over all partitions. What a
// broker started on it does in the meantime shows what pending ones cost.
#include "bench/options.hpp"
#include "persistence/data_folder.hpp"
#include "persistence/store.hpp"

#include <chrono>
#include <cstdio>

using namespace callboard;

int main(int argc, char** argv) {
  auto pending = bench::number(argc, argv, "pending", 1'000'000);
  auto minutes = bench::number(argc, argv, "from_minutes", 60);
  auto folder =
    data_folder::open(bench::option(argc, argv, "data", "data"), {});
  if (!folder) {
    std::fprintf(stderr, "cannot open the directory\n");
    return 1;
  }
  auto partitions = folder->identity().partitions;
  auto db = store::open({.folder = folder->store(),
                         .partitions = partitions,
                         .flush_in_background = false});
  if (!db) {
    std::fprintf(stderr, "cannot open the store\n");
    return 1;
  }
  auto now =
    std::uint64_t(std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count());
  auto first_due = now + minutes * 60'000ULL;
  constexpr std::size_t in_one_record = 1000;
  std::uint64_t id = 0;
  for (std::uint64_t index = 1; id < pending; ++index) {
    for (std::size_t p = 0; p < partitions; ++p) {
      record what;
      what.at = {now};
      for (std::size_t i = 0; i < in_one_record; ++i, ++id)
        what.changes.emplace_back(put_delayed{{{id + 1},
                                               {first_due + id},
                                               delayed_kind::lease_end,
                                               "a-stream-of-the-benchmark",
                                               "and-its-group",
                                               id}});
      (*db)->apply({p}, {index}, what, in_one_record * 80);
    }
    if (index % 16 == 0 && !(*db)->flush())
      return 1;
  }
  return (*db)->flush() ? 0 : 1;
}
