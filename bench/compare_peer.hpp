// A connection to one of the brokers that are compared: what the scenarios ask
// of it, and what it tells them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace callboard::bench {

/// Names and sizes of one scenario, the same for every broker.
struct peer_settings {
  std::string stream;         // or queue, tube, key
  std::string group;          // or durable consumer
  std::string run;            // differs in each run: for ids
  std::size_t bytes = 1024;   // of a message
  unsigned fetch = 20;        // at most so many in one delivery
  unsigned delay_seconds = 0; // publish for then
  bool eager = false; // settle what came, without waiting for a full batch
};

/// One connection, speaking its broker's protocol. It writes into `out`; the
/// loop sends that. Ends the program, with what the broker said, when that is
/// not what the protocol promises after success.
class peer {
public:
  explicit peer(const peer_settings& settings) : settings_(settings) {}

  virtual ~peer() = default;
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;

  std::function<void()> on_ready;             // after open and after prepare
  std::function<void(unsigned)> on_confirmed; // so many are published, durably
  std::function<void(std::int64_t)> on_delivered; // the stamp of each message
  std::function<void(unsigned)> on_settled;

  /// The handshake.
  virtual void open() { on_ready(); }

  /// Makes the stream and the group, if they are not there.
  virtual void prepare() { on_ready(); }

  /// `count` messages with that stamp, in one go.
  virtual void publish(unsigned count, std::int64_t stamp) = 0;

  /// From now on: fetch, settle and fetch on, waiting when there is none.
  virtual void consume() = 0;

  /// Takes complete answers off the front; returns how many bytes.
  virtual std::size_t read(std::string_view in) = 0;

  /// Nothing came for a while.
  virtual void idle() {}

  std::string out;

protected:
  /// A message of the settled size, with the stamp in it.
  void append_message(std::string& to, std::int64_t stamp) const;

  const peer_settings settings_;
};

/// The stamp's digits follow.
constexpr std::string_view stamp_mark = "\"@";

/// Finds what `append_message` wrote.
std::int64_t stamp_of(std::string_view message);

[[noreturn]] void refused(std::string_view what, std::string_view answer);

std::unique_ptr<peer> make_redis(const peer_settings& settings);
std::unique_ptr<peer> make_beanstalkd(const peer_settings& settings);
std::unique_ptr<peer> make_nats(const peer_settings& settings);
std::unique_ptr<peer> make_rabbitmq(const peer_settings& settings);

/// By the settle route, or by Event Store's: a GET and a POST a batch.
std::unique_ptr<peer> make_callboard(const peer_settings& settings,
                                     bool by_settle);

} // namespace callboard::bench
