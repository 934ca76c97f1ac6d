// Lines of the log that others can cause as often as they like.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace callboard {

/// Lets one line a minute through for each key. One thread.
class log_limit {
public:
  using clock = std::chrono::steady_clock;

  /// How many with this key were left out since the last one; nothing: leave
  /// this one out too.
  std::optional<std::uint64_t> pass(const std::string& key,
                                    clock::time_point now = clock::now()) {
    if (lines_.size() >= keys_max && !lines_.contains(key))
      lines_.clear();
    auto [at, fresh] = lines_.try_emplace(key, line{now, 0});
    auto& last = at->second;
    if (!fresh && now - last.time < std::chrono::minutes{1}) {
      ++last.left_out;
      return std::nullopt;
    }
    auto left_out = last.left_out;
    last = {now, 0};
    return left_out;
  }

private:
  struct line {
    clock::time_point time;
    std::uint64_t left_out = 0;
  };

  static constexpr std::size_t keys_max = 256;

  std::map<std::string, line> lines_;
};

} // namespace callboard
