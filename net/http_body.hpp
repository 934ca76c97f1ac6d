// A request's body while it comes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

/// Collects pieces. Memory follows what came, not what a client announces; and
/// since a string that grows is copied again and again and leaves holes behind
/// (with a thousand of them the process would take twice what they hold), a
/// long body stays in pieces until all is there.
class http_body {
public:
  void append(std::string_view part) {
    if (!last_.empty() && last_.size() + part.size() > piece_bytes_max) {
      before_bytes_ += last_.size();
      before_.push_back(std::exchange(last_, {}));
    }
    last_.append(part);
  }

  std::size_t size() const noexcept { return before_bytes_ + last_.size(); }

  /// Leaves nothing.
  std::string take() {
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
};

} // namespace callboard
