// A partition of a broker that stands alone: its log loses its unflushed end.
#pragma once

#include "tests/simulation/simulated_partition.hpp"

namespace callboard::test {

struct lone_rows {
  stored_rows rows;
  std::mt19937_64 chosen;
};

class lone_partition : private lone_rows, public simulated_partition {
public:
  explicit lone_partition(std::uint64_t seed)
      : lone_rows{{}, std::mt19937_64{seed}},
        simulated_partition(rows, chosen) {
    restart();
  }

  /// Hands out what is due, as the timer does: from the rows, perhaps twice.
  void fire_due() {
    auto due = on_disk.delayed; // firing changes it
    for (auto& [key, message] : due)
      if (message.due <= now)
        for (auto times = 1 + random() % 2; times > 0; --times)
          fire(message);
  }

  /// The first `count` records that wait reach the disk.
  void flush(std::size_t count = SIZE_MAX) {
    for (; count > 0 && !log_.empty(); --count) {
      auto next = std::move(log_.front());
      log_.pop_front();
      apply(next);
      for (auto& then : next.then)
        then();
    }
  }

  /// Some of what waits is on disk and nobody was told; the rest is lost.
  void crash() {
    for (auto kept = random() % (log_.size() + 1); kept > 0; --kept) {
      apply(log_.front());
      log_.pop_front();
    }
    log_.clear();
    restart();
  }

  std::size_t unflushed() const { return log_.size(); }

private:
  struct entry {
    record what;
    std::vector<done> then;
    done applied;
  };

  void apply(entry& next) {
    on_disk.apply(next.what);
    if (next.applied)
      next.applied();
  }

  void propose(record what, done then, done applied) override {
    if (!what.empty())
      log_.push_back({std::move(what), {std::move(then)}, std::move(applied)});
    else if (log_.empty())
      then();
    else
      log_.back().then.push_back(std::move(then));
  }

  std::deque<entry> log_;
};

} // namespace callboard::test
