// What can be set about the Barco dialect: where it listens, what it bounds.
#pragma once

#include "actors/core/limits.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace callboard {

/// A listener each.
struct barco_ports {
  std::uint16_t discovery = 0;
  std::uint16_t producer = 0;
  std::uint16_t consumer = 0;
  std::uint16_t metrics = 0;
  std::uint16_t binary = 0; // the producer's binary protocol

  friend bool operator==(const barco_ports&, const barco_ports&) = default;
};

struct barco_options {
  std::string listen = "127.0.0.1:9250"; // ADDR:PORT, or off
  std::string address = "127.0.0.1";     // the two parts of it
  std::uint16_t first_port = 9250;
  /// Where they are not the ones that follow the first.
  std::optional<std::uint16_t> discovery{};
  std::optional<std::uint16_t> producer{};
  std::optional<std::uint16_t> consumer{};
  std::optional<std::uint16_t> metrics{};
  std::optional<std::uint16_t> binary{};
  bool open = false;     // to everybody who can reach it
  std::string advertise; // the host that clients are told; empty: ours
  std::size_t message_bytes_max = limits::barco_message_bytes_max;
  std::chrono::milliseconds consumer_wait_max = limits::barco_consumer_wait_max;

  bool on() const { return listen != "off"; }

  bool on_loopback() const;

  /// 0: any free one.
  barco_ports ports() const;
};

} // namespace callboard
