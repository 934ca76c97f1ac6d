// What `--advertise` says about the URLs that clients are given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace callboard {

/// How clients reach us, as far as it was said; empty: as their requests say.
struct advertised_address {
  std::string scheme{}; // with it, no port means the default one
  std::string host{};
  std::optional<std::uint16_t> port{};
  std::string prefix{}; // `a/b`
};

} // namespace callboard
