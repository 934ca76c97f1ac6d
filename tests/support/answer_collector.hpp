// Serves requests without a socket and keeps their answers.
#pragma once

#include "net/http.hpp"

#include <boost/asio/post.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

/// Stands where a session would: one request after the other, each with a
/// number. Answers come once its io_context has run. All requests are of one
/// connection.
class answer_collector : public http_connection,
                         public std::enable_shared_from_this<answer_collector> {
public:
  struct entry {
    http_answer answer;
    std::string header_block;
  };

  explicit answer_collector(boost::asio::io_context& context)
      : context_(context) {}

  http_executor executor() const noexcept override {
    return context_.get_executor();
  }

  void answer(std::uint64_t number, http_answer answer,
              std::string_view header_block) override {
    if (!answers_[number])
      answers_[number] = entry{std::move(answer), std::string{header_block}};
  }

  void on_gone(std::uint64_t, std::function<void()> gone) override {
    gone_ = std::move(gone);
  }

  void on_stopping(std::uint64_t, std::function<void()> stopping) override {
    if (stopped_)
      return boost::asio::post(executor(), std::move(stopping));
    stopping_ = std::move(stopping);
  }

  void extend_deadline(std::uint64_t, std::chrono::milliseconds by) override {
    extended_ += by;
  }

  /// Serves on the context's thread, which is the caller's. Returns the
  /// request's number.
  std::uint64_t begin(const http_handler& handler, http_request request) {
    answers_.emplace_back();
    auto number = answers_.size() - 1;
    request.connection = state_;
    boost::asio::post(
      context_, [this, &handler, number, r = std::move(request)]() mutable {
        http_exchange exchange{shared_from_this(), number, std::move(r)};
        handler(exchange.request(), exchange);
      });
    run();
    return number;
  }

  /// Runs what is ready.
  void run() {
    context_.restart();
    context_.poll();
  }

  /// The answer, if there is one by now.
  const std::optional<entry>& answer_to(std::uint64_t number) const {
    return answers_[number];
  }

  /// As if the answer had left, or as if it had not and was lost.
  void left(std::uint64_t number) { answers_[number]->answer.unsent = nullptr; }

  void lose(std::uint64_t number) {
    if (auto unsent = std::exchange(answers_[number]->answer.unsent, nullptr))
      unsent();
  }

  /// As if the client had closed the connection.
  void go() {
    if (auto gone = std::exchange(gone_, nullptr))
      gone();
  }

  /// As if the server began to stop: who asks later is told so at once.
  void stop() {
    stopped_ = true;
    if (auto stopping = std::exchange(stopping_, nullptr))
      stopping();
  }

  bool waits_for_gone() const noexcept { return gone_ != nullptr; }

  std::chrono::milliseconds extended() const noexcept { return extended_; }

private:
  boost::asio::io_context& context_;
  std::shared_ptr<connection_state> state_ =
    std::make_shared<connection_state>();
  std::vector<std::optional<entry>> answers_;
  std::function<void()> gone_;
  std::function<void()> stopping_;
  bool stopped_ = false;
  std::chrono::milliseconds extended_{0};
};

} // namespace callboard::test
