// Threads for what would hold up the connections of an io thread.
#pragma once

#include "net/http.hpp"
#include "net/http_budget.hpp"

#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

namespace callboard {

/// Makes an answer from what it owns and the exchange's request.
using answer_maker = std::function<http_answer()>;

/// What has fewer bytes to read or to write, half a millisecond's work, is done
/// where it is asked for: changing threads there and back may cost as much.
inline constexpr std::size_t side_work_bytes = std::size_t{512} << 10;

/// The same for answers that are compressed, which takes ten times as long.
inline constexpr std::size_t compressed_side_work_bytes = std::size_t{64} << 10;

/// Threads beside the io threads: a page or a batch of some megabytes takes
/// milliseconds to lay out or to parse, and many more to compress, while all
/// other connections of its io thread would wait. From any thread.
class side_threads {
public:
  /// Answers that wait for a thread take their bytes from the budget of
  /// `sending`.
  side_threads(std::size_t threads, std::shared_ptr<http_budgets> budgets);
  side_threads(const side_threads&) = delete;
  side_threads& operator=(const side_threads&) = delete;
  ~side_threads(); // stops

  /// Runs `task` on one of these threads. False, and nothing happens, once they
  /// were stopped.
  bool post(std::function<void()> task);

  /// Answers `exchange` with what `make` returns, on a thread of these; `bytes`
  /// is about what it has to write. A failure is a 500, and `unsent` runs on
  /// the exchange's thread. With no budget left the answer is 503, after
  /// `unsent` on this thread.
  void answer(const http_exchange& exchange, std::size_t bytes,
              answer_maker make, const std::function<void()>& unsent);

  /// Waits until what was taken is done, and ends the threads. Answers that
  /// come later are laid out by who asks for them. Not on one of these threads.
  void stop();

private:
  std::shared_ptr<http_budgets> budgets_;
  std::mutex mutex_; // of `stopped_`: nothing is posted behind the end
  bool stopped_ = false;
  boost::asio::thread_pool threads_;
};

} // namespace callboard
