// A request's body while it comes.
#pragma once

#include "net/http_budget.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

/// Collects pieces. Memory follows what came, not what a client announces: room
/// that was made ahead is address space only until it is filled. A string that
/// grows is copied again and again and leaves holes behind (with a thousand of
/// them the process would take twice what they hold), so without such room a
/// long body stays in pieces until all is there; then it is copied at once,
/// which takes many milliseconds for some megabytes.
class http_body {
public:
  /// So many bytes are still to come, or fewer: makes room for them, as far as
  /// all bodies may have that together.
  void expect(std::size_t bytes, http_budget& ahead) {
    if (ahead_ || size() + bytes <= piece_bytes_max)
      return;
    auto share = std::make_unique<budget_share>(ahead);
    if (!share->resize(size() + bytes))
      return;
    auto here = take();
    last_.reserve(here.size() + bytes);
    last_ += here;
    ahead_ = std::move(share);
  }

  void append(std::string_view part) {
    if (!ahead_ && !last_.empty()
        && last_.size() + part.size() > piece_bytes_max) {
      before_bytes_ += last_.size();
      before_.push_back(std::exchange(last_, {}));
    }
    last_.append(part);
  }

  std::size_t size() const noexcept { return before_bytes_ + last_.size(); }

  /// Leaves nothing.
  std::string take() {
    ahead_ = nullptr;
    if (before_.empty())
      return std::exchange(last_, {});
    std::string whole;
    whole.reserve(size());
    for (auto& piece : before_)
      whole += std::exchange(piece, {});
    whole += std::exchange(last_, {});
    before_.clear();
    before_bytes_ = 0;
    return whole;
  }

private:
  static constexpr std::size_t piece_bytes_max = std::size_t{64} << 10;

  std::string last_;
  std::vector<std::string> before_;
  std::size_t before_bytes_ = 0;
  std::unique_ptr<budget_share> ahead_; // `last_` has room for all
};

} // namespace callboard
