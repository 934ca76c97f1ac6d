// Begins an answer for each request, and leaves the rest of it to the test.
#pragma once

#include "tests/support/http_fixture.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace callboard::test {

/// Handler on the server's thread, everything else on the test's.
class streaming_handler {
public:
  http_handler handler() {
    return [this](http_request&, const http_exchange& exchange) {
      auto begun = exchange.begin_stream({.content_type = "text/plain"});
      if (!begun)
        return exchange.answer({.body = "whole"});
      begun->on_gone([this] { count(gone_); });
      begun->on_stopping([this] { count(stopping_); });
      std::lock_guard lock{mutex_};
      streams_.push_back(*begun);
      changed_.notify_all();
    };
  }

  /// The stream number `i`, from 0; this gives up its own copy.
  answer_stream take(std::size_t i) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, std::chrono::seconds{10},
                      [&] { return streams_.size() > i; });
    return std::exchange(streams_.at(i), std::nullopt).value();
  }

  bool gone(int times) { return await(gone_, times); }

  bool stopping(int times) { return await(stopping_, times); }

private:
  void count(int& what) {
    std::lock_guard lock{mutex_};
    ++what;
    changed_.notify_all();
  }

  bool await(const int& what, int times) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{10},
                             [&] { return what >= times; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<answer_stream>> streams_;
  int gone_ = 0;
  int stopping_ = 0;
};

} // namespace callboard::test
