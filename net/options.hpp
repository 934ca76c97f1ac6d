// What can be set, and where each value came from: flag, environment, file.
#pragma once

#include "actors/core/limits.hpp"
#include "net/advertised_address.hpp"
#include "net/barco_options.hpp"
#include "net/cluster_options.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

enum class command : std::uint8_t {
  serve,
  config,
  version,
  check,
  compact,
  health,
  cluster,
};

/// Of the commands that ask a running node.
struct client_options {
  std::string url = "http://127.0.0.1:2113";
  std::string user;      // NAME:PASSWORD; empty: nobody
  std::string ca_file;   // PEM; empty: whom this machine trusts
  bool insecure = false; // believe any certificate
  std::string action;    // of `cluster`: status, add, remove, transfer, drain
  std::string argument;  // of that
  std::chrono::milliseconds wait_max{3000};
};

/// The settings of `callboard serve`, all with their defaults.
struct options {
  std::string data = "./callboard-data";
  std::string http = "127.0.0.1:2113"; // ADDR:PORT
  std::string http_address;            // the two parts of it
  std::uint16_t http_port = 0;
  std::size_t threads = 0;                  // 0: one for two cores
  std::chrono::microseconds idle_poll{100}; // 0: never
  std::string log_level = "info";
  std::string log_format = "text";
  std::uint64_t max_disk_bytes = 0; // 0: no quota
  std::optional<bool> anonymous;    // not set: only on loopback
  bool insecure = false;            // everybody is admin, anywhere
  bool trusted_auth = false;        // believe ES-TrustedAuth
  std::string admin_password;       // of the first start
  std::string tls_certificate;      // PEM files; empty: no TLS
  std::string tls_key;
  std::string advertise; // as it was said, and what it means
  advertised_address advertised;
  std::size_t body_bytes_max = limits::body_bytes_max;
  barco_options barco;
  cluster_options cluster;
  std::map<std::string, std::string> from; // name → where its value came from

  bool on_loopback() const;
};

struct command_line {
  command what = command::serve;
  options settings;
  client_options client{};
};

/// Why the program ends at once: `text` is for stdout if the code is 0 (help),
/// else for stderr, one line that says what to do.
struct ending {
  int code = 0;
  std::string text;
};

/// Either what to do, or why to end.
struct parsed_options {
  std::optional<command_line> run;
  ending end;
};

/// Reads flags, then the environment (`CALLBOARD_<NAME>`, then for what Barco
/// has too `POLAR_` and `BARCO_`), then the TOML file, then the defaults: the
/// first that has a value counts. `environment` is
/// `getenv`, but for tests.
parsed_options
parse_options(const std::vector<std::string>& arguments,
              const std::function<const char*(const char*)>& environment);

/// `callboard config`: each setting, its value, and where that came from.
std::string describe(const options& settings);

/// A setting as `GET /info/options` shows it; a secret one is `********`.
struct option_description {
  std::string name;
  std::string description;
  std::string value;
  std::string source; // flag, variable, line of the file, or `default`
};

std::vector<option_description> list_options(const options& settings);

/// Of `admin` and `ops` where nobody else can reach them.
inline constexpr std::string_view loopback_password = "changeit";

/// Of this machine; empty if it has none.
std::string host_name();

/// Whom a data directory knows.
enum class stored_users : std::uint8_t {
  none,        // this is the first start
  of_loopback, // `admin` or `ops` has the `loopback_password`
  own,
};

/// Whether these may be served: a line that says what is missing if not. Off
/// loopback a first start needs a password for `admin`, and none may be the one
/// that everybody knows; and the Barco dialect must be meant to be open.
std::optional<std::string> refuse_to_serve(const options& settings,
                                           stored_users users);

} // namespace callboard
