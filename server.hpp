// A whole node: storage, actors and listeners, started and stopped in order.
#pragma once

#include "actors/core/error.hpp"
#include "net/options.hpp"

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace callboard {

/// A server that must begin anew sends it to its own process.
inline constexpr int restart_signal = SIGUSR1;

/// A running broker. `start` returns when requests are served; the destructor
/// stops it: no new requests, those in progress are answered (at most
/// `limits::drain_wait_max`), actors end, what waits is flushed, files close.
class server {
public:
  /// Why it does not run: an exit code, and one line that says what to do.
  struct failure {
    int exit_code = 1;
    std::string text;
  };

  /// Null, and `why`, if it cannot be started.
  static std::unique_ptr<server> start(const options& settings, failure& why);

  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Reads certificate and key again, for connections to come; logs what
  /// happened. Files that cannot be used change nothing.
  void reload();

  /// The port that it listens on; another one than asked for if that was 0.
  std::uint16_t port() const;

  /// Those of the Barco dialect; nothing if it is off.
  const std::optional<barco_ports>& barco() const;

private:
  struct impl;
  explicit server(std::unique_ptr<impl> self);
  std::unique_ptr<impl> impl_;
};

} // namespace callboard
