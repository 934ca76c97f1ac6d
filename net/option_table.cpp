// The settings of a node; behind them those of the Barco dialect and of a cluster.
#include "net/option_table.hpp"

#include "net/option_values.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

/// Empty is no path: who says it meant one.
std::optional<std::string> set_path(std::string& to, const std::string& text) {
  if (text.empty())
    return expected("a path", text);
  to = text;
  return std::nullopt;
}

/// A secret that was made with `echo` ends a line, which nobody means. What is
/// wrong is told without the text itself.
std::optional<std::string> set_password(std::string& to, std::string text) {
  if (text.ends_with('\n'))
    text.pop_back();
  if (text.ends_with('\r'))
    text.pop_back();
  auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control))
    return "must be one line without control characters, as nobody can type "
           "them where a password is asked for";
  to = std::move(text);
  return std::nullopt;
}

std::vector<setting> own_settings() {
  return {
    {"data", "directory of everything that is stored",
     [](options& o, const std::string& x) { return set_path(o.data, x); },
     [](const options& o) { return o.data; }},
    {"http", "address and port of the HTTP listener", set_http,
     [](const options& o) { return o.http; }},
    {"threads", "io threads; 0: one for two cores", set_threads,
     [](const options& o) { return std::to_string(o.threads); }},
    {"idle-poll-us",
     "microseconds that a busy io thread looks for more; 0: it sleeps at once",
     set_idle_poll,
     [](const options& o) { return std::to_string(o.idle_poll.count()); }},
    {"log-level", "trace, debug, info, warn or error",
     [](options& o, const std::string& x) {
       return one_of(o.log_level, x,
                     {"trace", "debug", "info", "warn", "error"});
     },
     [](const options& o) { return o.log_level; }},
    {"log-format", "text or json",
     [](options& o, const std::string& x) {
       return one_of(o.log_format, x, {"text", "json"});
     },
     [](const options& o) { return o.log_format; }},
    {"max-disk", "bytes that stored events may take; 0: no limit",
     [](options& o, const std::string& x) {
       return set_bytes(o.max_disk_bytes, x);
     },
     [](const options& o) { return std::to_string(o.max_disk_bytes); }},
    {"anonymous", "streams without a login: on or off (default: on loopback)",
     [](options& o, const std::string& x) {
       bool value = false;
       auto wrong = set_flag(value, x);
       if (!wrong)
         o.anonymous = value;
       return wrong;
     },
     [](const options& o) {
       return on_off(o.anonymous.value_or(o.on_loopback()));
     }},
    {"insecure", "everybody is an administrator, on any address",
     [](options& o, const std::string& x) { return set_flag(o.insecure, x); },
     [](const options& o) { return on_off(o.insecure); }, false, true},
    {"trusted-auth", "believe the header ES-TrustedAuth of a proxy",
     [](options& o, const std::string& x) {
       return set_flag(o.trusted_auth, x);
     },
     [](const options& o) { return on_off(o.trusted_auth); }, false, true},
    {"advertise", "HOST[:PORT] or URL that links and Location begin with",
     [](options& o, const std::string& x) {
       o.advertise = x;
       return set_advertise(o.advertised, x);
     },
     [](const options& o) { return o.advertise; }},
    {"tls-cert", "PEM file of the certificate chain: HTTPS only",
     [](options& o, const std::string& x) {
       return set_path(o.tls_certificate, x);
     },
     [](const options& o) { return o.tls_certificate; }},
    {"tls-key", "PEM file of the key that belongs to it",
     [](options& o, const std::string& x) { return set_path(o.tls_key, x); },
     [](const options& o) { return o.tls_key; }},
    {"max-body", "bytes that the body of a request may have",
     [](options& o, const std::string& x) {
       return set_body_bytes(o.body_bytes_max, x);
     },
     [](const options& o) { return std::to_string(o.body_bytes_max); }},
    {"admin-password", "of admin and ops, at the very first start",
     [](options& o, const std::string& x) {
       return set_password(o.admin_password, x);
     },
     [](const options& o) {
       return std::string{o.admin_password.empty() ? "" : "********"};
     },
     true},
  };
}

} // namespace

const std::vector<setting>& setting_table() {
  static const std::vector<setting> all = [] {
    auto out = own_settings();
    for (auto& more : {barco_settings(), cluster_settings()})
      out.insert(out.end(), more.begin(), more.end());
    return out;
  }();
  return all;
}

} // namespace callboard
