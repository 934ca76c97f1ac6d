// An HTTP server with a given handler on a free loopback port and a thread.
#pragma once

#include "net/http_server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace callboard::test {

/// Runs until it goes out of scope; that also drains it.
class http_fixture {
public:
  explicit http_fixture(http_handler handler, http_options options = {})
      : server_(std::make_shared<http_server>(
          std::move(
            listen({&context_},
                   {boost::asio::ip::address_v4::loopback(), std::uint16_t{0}})
              .front()),
          std::move(handler), std::move(options))),
        port_(server_->endpoint().port()) {
    boost::asio::post(context_, [s = server_] { s->start(); });
    thread_ = std::thread{[this] { context_.run(); }};
  }

  http_fixture(const http_fixture&) = delete;
  http_fixture& operator=(const http_fixture&) = delete;

  ~http_fixture() {
    if (server_)
      begin_stop().wait();
    guard_.reset();
    context_.stop();
    thread_.join();
  }

  http_server& server() noexcept { return *server_; }

  std::uint16_t port() const noexcept { return port_; }

  boost::asio::io_context& context() noexcept { return context_; }

  /// The future is ready when the last connection has ended.
  std::future<void> begin_stop() {
    auto done = std::make_shared<std::promise<void>>();
    auto stopped = done->get_future();
    std::exchange(server_, nullptr)->stop([done] { done->set_value(); });
    return stopped;
  }

  /// Runs `f` on the server's thread and waits for its value.
  template <class F>
  auto on_thread(F f) {
    std::packaged_task<decltype(f())()> task{std::move(f)};
    auto done = task.get_future();
    boost::asio::post(context_, std::move(task));
    return done.get();
  }

  /// Open connections.
  std::size_t sessions() {
    return on_thread([this] { return server_->sessions(); });
  }

private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<http_executor> guard_{
    context_.get_executor()};
  std::shared_ptr<http_server> server_;
  std::uint16_t port_;
  std::thread thread_;
};

} // namespace callboard::test
