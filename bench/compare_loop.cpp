// One thread, many sockets: the loop under every broker that is compared.
#include "bench/compare_loop.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace callboard::bench {

namespace {

[[noreturn]] void failed(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

} // namespace

void refused(std::string_view what, std::string_view answer) {
  answer = answer.substr(0, 500);
  std::fprintf(stderr, "%.*s: %.*s\n", int(what.size()), what.data(),
               int(answer.size()), answer.data());
  std::exit(1);
}

void peer::append_message(std::string& to, std::int64_t stamp) const {
  constexpr std::string_view begin = R"({"at":"@)";
  constexpr std::string_view middle = R"(","data":")";
  constexpr std::size_t others = begin.size() + 19 + middle.size() + 2;
  std::array<char, 24> digits;
  std::snprintf(digits.data(), digits.size(), "%019lld",
                static_cast<long long>(stamp));
  to.append(begin).append(digits.data(), 19).append(middle);
  to.append(settings_.bytes > others ? settings_.bytes - others : 0, 'x');
  to.append("\"}");
}

std::int64_t stamp_of(std::string_view message) {
  auto at = message.find(stamp_mark);
  if (at == std::string_view::npos || at + 21 > message.size())
    refused("a message without its stamp", message);
  return std::strtoll(message.data() + at + 2, nullptr, 10);
}

event_loop::event_loop()
    : poll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (poll_ < 0 || timer_ < 0)
    failed("epoll");
  epoll_event wanted{EPOLLIN, {.ptr = nullptr}};
  epoll_ctl(poll_, EPOLL_CTL_ADD, timer_, &wanted);
}

event_loop::~event_loop() {
  for (auto& one : links_)
    close(one->socket);
  close(timer_);
  close(poll_);
}

peer& event_loop::add(std::unique_ptr<peer> talk, std::uint16_t port) {
  auto& one = *links_.emplace_back(std::make_unique<link>());
  one.talk = std::move(talk);
  one.in.resize(16'384);
  one.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (one.socket < 0
      || connect(one.socket, reinterpret_cast<sockaddr*>(&address),
                 sizeof address)
           != 0)
    failed("connect");
  int yes = 1;
  setsockopt(one.socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  watch(one, false, true);
  return *one.talk;
}

void event_loop::watch(link& one, bool to_write, bool is_new) {
  epoll_event wanted{EPOLLIN | (to_write ? EPOLLOUT : 0U), {.ptr = &one}};
  if (epoll_ctl(poll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, one.socket,
                &wanted)
      != 0)
    failed("epoll_ctl");
  one.waits_to_write = to_write;
}

void event_loop::send(link& one) {
  auto& out = one.talk->out;
  while (one.written < out.size()) {
    auto n = ::send(one.socket, out.data() + one.written,
                    out.size() - one.written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      if (!one.waits_to_write)
        watch(one, true, false);
      return;
    }
    if (n < 0)
      failed("send");
    one.written += std::size_t(n);
  }
  out.clear();
  one.written = 0;
  if (one.waits_to_write)
    watch(one, false, false);
}

void event_loop::receive(link& one) {
  if (one.have == one.in.size())
    one.in.resize(one.in.size() * 2);
  auto n = recv(one.socket, one.in.data() + one.have, one.in.size() - one.have,
                MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0)
    failed("the broker closed the connection");
  one.have += std::size_t(n);
  auto used = one.talk->read({one.in.data(), one.have});
  if (used > 0 && used < one.have)
    std::memmove(one.in.data(), one.in.data() + used, one.have - used);
  one.have -= used;
}

void event_loop::run_for(bench_clock::duration time) {
  constexpr int idle_ms = 10;
  stopped_ = false;
  auto end = bench_clock::now() + time;
  std::array<epoll_event, 256> ready;
  flush();
  while (!stopped_ && bench_clock::now() < end) {
    int n = epoll_wait(poll_, ready.data(), ready.size(), idle_ms);
    for (int i = 0; i < n; ++i) {
      auto* one = static_cast<link*>(ready[std::size_t(i)].data.ptr);
      if (!one) {
        std::uint64_t times = 0;
        if (::read(timer_, &times, sizeof times) > 0)
          at_timer_();
        continue;
      }
      if (ready[std::size_t(i)].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(*one);
      if (!one->talk->out.empty())
        send(*one);
    }
    if (n == 0) {
      for (auto& one : links_)
        one->talk->idle();
      flush();
    }
  }
}

void event_loop::flush() {
  for (auto& one : links_)
    if (!one->talk->out.empty() && !one->waits_to_write)
      send(*one);
}

void event_loop::call_at(bench_clock::time_point when,
                         std::function<void()> what) {
  at_timer_ = std::move(what);
  auto at = std::max<std::int64_t>(when.time_since_epoch().count(), 1);
  itimerspec spec{{0, 0}, {at / 1'000'000'000, at % 1'000'000'000}};
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

} // namespace callboard::bench
