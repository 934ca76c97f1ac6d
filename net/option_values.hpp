// Texts of settings to their values: each returns what is wrong, or nothing.
#pragma once

#include "net/options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace callboard {

/// `must be ALLOWED, not 'FOUND'`: to be put behind the name of a setting.
std::optional<std::string> expected(const std::string& allowed,
                                    const std::string& found);

std::optional<std::string> one_of(std::string& to, const std::string& text,
                                  const std::vector<std::string>& allowed);

/// `on`, `off`, `true` or `false`.
std::optional<std::string> set_flag(bool& to, const std::string& text);

/// `ADDRESS:PORT`, the address not a name.
std::optional<std::string> set_http(options& to, const std::string& text);

/// `4096`, `512K`, `20G`.
std::optional<std::string> set_bytes(std::uint64_t& to,
                                     const std::string& text);

/// The same, between `limits::body_setting_min` and `_max`.
std::optional<std::string> set_body_bytes(std::size_t& to,
                                          const std::string& text);

std::optional<std::string> set_threads(options& to, const std::string& text);

/// Microseconds.
std::optional<std::string> set_idle_poll(options& to, const std::string& text);

/// `host`, `host:port`, `http[s]://host[:port][/prefix]`.
std::optional<std::string> set_advertise(advertised_address& to,
                                         const std::string& text);

std::string on_off(bool x);

} // namespace callboard
