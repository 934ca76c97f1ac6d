// Things in progress that somebody else keeps alive.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace callboard {

/// A list of weak pointers that forgets what has expired: now and then, so that
/// adding costs little and no more than twice what lives is kept. `Weak` is a
/// `std::weak_ptr` or behaves like one. One thread.
template <class Weak>
class weak_list {
public:
  void add(Weak what) {
    if (all_.size() >= sweep_at_) {
      forget_expired();
      sweep_at_ = std::max(sweep_at_min, 2 * all_.size());
    }
    all_.push_back(std::move(what));
  }

  /// What still lives, in the order in which it was added; the list is empty
  /// then. What is done with one may end others.
  std::vector<Weak> take_all() {
    forget_expired();
    sweep_at_ = sweep_at_min;
    return std::exchange(all_, {});
  }

  std::size_t size() {
    forget_expired();
    return all_.size();
  }

private:
  void forget_expired() {
    std::erase_if(all_, [](const Weak& each) { return each.expired(); });
  }

  static constexpr std::size_t sweep_at_min = 64;

  std::vector<Weak> all_;
  std::size_t sweep_at_ = sweep_at_min;
};

} // namespace callboard
