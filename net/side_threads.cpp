// A pool of threads and its bound.
#include "net/side_threads.hpp"

#include "net/http_limits.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace callboard {

side_threads::side_threads(std::size_t threads,
                           std::shared_ptr<http_budgets> budgets)
    : budgets_(std::move(budgets)), threads_(threads) {}

side_threads::~side_threads() {
  stop();
}

void side_threads::stop() {
  {
    std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  threads_.join();
}

bool side_threads::post(std::function<void()> task) {
  std::lock_guard lock{mutex_};
  if (!stopped_)
    boost::asio::post(threads_, std::move(task));
  return !stopped_;
}

void side_threads::answer(const http_exchange& exchange, std::size_t bytes,
                          answer_maker make,
                          const std::function<void()>& unsent) {
  auto share = std::make_shared<budget_share>(budgets_->sending);
  if (!share->resize(bytes)) {
    unsent();
    return exchange.answer(too_many_answers());
  }
  auto lay_out = [exchange, share, make = std::move(make), unsent] {
    guard(exchange, [&] {
      http_answer answer;
      try {
        answer = make();
      } catch (...) {
        boost::asio::post(exchange.executor(), unsent);
        throw;
      }
      share->resize(0); // the session takes what it needs
      exchange.answer(std::move(answer));
    });
  };
  if (!post(lay_out))
    lay_out();
}

} // namespace callboard
