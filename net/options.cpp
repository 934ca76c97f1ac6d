// CLI11 for the flags, toml++ for the file; both end here.
#include "net/options.hpp"

#include "net/option_values.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace callboard {

namespace {

/// A setting: its name, and how a text becomes its value (or why not).
struct setting {
  std::string name; // of the flag; CALLBOARD_NAME in the environment
  std::string help;
  std::function<std::optional<std::string>(options&, const std::string&)> set;
  std::function<std::string(const options&)> get;
  bool secret = false;
};

const std::vector<setting>& settings() {
  static const std::vector<setting> all = {
    {"data", "directory of everything that is stored",
     [](options& o, const std::string& x) -> std::optional<std::string> {
       if (x.empty())
         return expected("a path", x);
       o.data = x;
       return std::nullopt;
     },
     [](const options& o) { return o.data; }},
    {"http", "address and port of the HTTP listener", set_http,
     [](const options& o) { return o.http; }},
    {"threads", "io threads; 0: one a core", set_threads,
     [](const options& o) { return std::to_string(o.threads); }},
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
     [](const options& o) { return on_off(o.insecure); }},
    {"trusted-auth", "believe the header ES-TrustedAuth of a proxy",
     [](options& o, const std::string& x) {
       return set_flag(o.trusted_auth, x);
     },
     [](const options& o) { return on_off(o.trusted_auth); }},
    {"advertise", "HOST[:PORT] or URL that links and Location begin with",
     [](options& o, const std::string& x) {
       o.advertise = x;
       return set_advertise(o.advertised, x);
     },
     [](const options& o) { return o.advertise; }},
    {"tls-cert", "PEM file of the certificate chain: HTTPS only",
     [](options& o, const std::string& x) -> std::optional<std::string> {
       o.tls_certificate = x;
       return std::nullopt;
     },
     [](const options& o) { return o.tls_certificate; }},
    {"tls-key", "PEM file of the key that belongs to it",
     [](options& o, const std::string& x) -> std::optional<std::string> {
       o.tls_key = x;
       return std::nullopt;
     },
     [](const options& o) { return o.tls_key; }},
    {"max-body", "bytes that the body of a request may have",
     [](options& o, const std::string& x) {
       return set_body_bytes(o.body_bytes_max, x);
     },
     [](const options& o) { return std::to_string(o.body_bytes_max); }},
    {"admin-password", "of admin and ops, at the very first start",
     [](options& o, const std::string& x) -> std::optional<std::string> {
       o.admin_password = x;
       return std::nullopt;
     },
     [](const options& o) {
       return std::string{o.admin_password.empty() ? "" : "********"};
     },
     true},
  };
  return all;
}

std::string environment_name(const std::string& name) {
  auto out = "CALLBOARD_" + name;
  for (auto& c : out)
    c = c == '-' ? '_' : char(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// The file's settings as texts. Returns a line about what is wrong with it.
std::optional<std::string>
read_file(const std::string& path,
          std::map<std::string, std::pair<std::string, std::string>>& into) {
  try {
    auto file = toml::parse_file(path);
    for (auto&& [key, node] : file) {
      std::string name{key.str()};
      std::replace(name.begin(), name.end(), '_', '-');
      auto where = path + ":" + std::to_string(node.source().begin.line);
      bool known = std::any_of(settings().begin(), settings().end(),
                               [&](auto& one) { return one.name == name; });
      if (!known)
        return where + ": there is no setting '" + std::string{key.str()}
               + "'; `callboard config` lists all";
      std::ostringstream text;
      if (auto* string = node.as_string())
        text << string->get();
      else if (auto* integer = node.as_integer())
        text << integer->get();
      else if (auto* boolean = node.as_boolean())
        text << on_off(boolean->get());
      else
        return where + ": '" + name + "' must be a text, a number or a boolean";
      into[name] = {text.str(), where};
    }
  } catch (const toml::parse_error& error) {
    std::ostringstream line;
    line << path << ":" << error.source().begin.line << ": "
         << error.description();
    return line.str();
  }
  return std::nullopt;
}

/// Fills `to` from flags, environment and file. Returns what is wrong.
std::optional<std::string>
fill(options& to, const std::map<std::string, std::string>& flags,
     const std::string& file_flag,
     const std::function<const char*(const char*)>& environment) {
  std::map<std::string, std::pair<std::string, std::string>> file;
  auto* file_variable = environment("CALLBOARD_CONFIG");
  auto path = !file_flag.empty()
                ? file_flag
                : std::string{file_variable ? file_variable : ""};
  if (!path.empty())
    if (auto wrong = read_file(path, file))
      return wrong;
  set_http(to, to.http);
  for (auto& one : settings()) {
    auto variable = environment_name(one.name);
    std::string text;
    std::string where = "default";
    if (auto flag = flags.find(one.name); flag != flags.end()) {
      text = flag->second;
      where = "--" + one.name;
    } else if (auto* value = environment(variable.c_str())) {
      text = value;
      where = variable;
    } else if (auto line = file.find(one.name); line != file.end()) {
      std::tie(text, where) = line->second;
    }
    to.from[one.name] = where;
    if (where == "default")
      continue;
    if (auto wrong = one.set(to, text))
      return where + " " + *wrong;
  }
  if (to.tls_certificate.empty() != to.tls_key.empty())
    return "--tls-cert and --tls-key belong together: only "
           + std::string{to.tls_key.empty() ? "--tls-cert" : "--tls-key"}
           + " is set";
  return std::nullopt;
}

} // namespace

bool options::on_loopback() const {
  boost::system::error_code bad;
  auto address = boost::asio::ip::make_address(http_address, bad);
  return !bad && address.is_loopback();
}

parsed_options
parse_options(const std::vector<std::string>& arguments,
              const std::function<const char*(const char*)>& environment) {
  CLI::App app{"Callboard: a durable message broker over HTTP", "callboard"};
  app.require_subcommand(1);
  std::map<std::string, std::string> values;
  std::string file;
  std::map<CLI::App*, command> commands;
  auto add = [&](const char* name, const char* help, command what) {
    auto* sub = app.add_subcommand(name, help);
    commands[sub] = what;
    return sub;
  };
  auto* serve = add("serve", "serve a data directory", command::serve);
  auto* config = add("config", "print the settings and where each came from",
                     command::config);
  auto* check =
    add("check", "verify a data directory that nobody serves", command::check);
  add("version", "print the version", command::version);
  for (auto* sub : {serve, config}) {
    sub->add_option("--config", file, "TOML file with any of these settings");
    for (auto& one : settings())
      if (!one.secret) {
        auto name = one.name;
        bool bare = name == "insecure" || name == "trusted-auth";
        auto* option = sub->add_option_function<std::string>(
          "--" + name,
          [&values, name](const std::string& x) { values[name] = x; },
          one.help);
        if (bare)
          option->expected(0, 1)->default_str("on");
      }
  }
  check->add_option_function<std::string>(
    "--data", [&](const std::string& x) { values["data"] = x; },
    "the directory");
  parsed_options out;
  try {
    auto reversed = arguments; // CLI11 takes them from the back
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::Success&) {
    for (auto* sub : app.get_subcommands())
      out.end = {0, sub->help()};
    if (out.end.text.empty())
      out.end = {0, app.help()};
    return out;
  } catch (const CLI::ParseError& error) {
    out.end = {2, std::string{"callboard: "} + error.what()
                    + "; `callboard --help` shows what there is"};
    return out;
  }
  for (auto& [name, value] : values)
    if (value.empty() && (name == "insecure" || name == "trusted-auth"))
      value = "on";
  command_line run;
  run.what = commands[app.get_subcommands().front()];
  if (auto wrong = fill(run.settings, values, file, environment)) {
    out.end = {2, "callboard: " + *wrong};
    return out;
  }
  out.run = std::move(run);
  return out;
}

std::string describe(const options& o) {
  std::ostringstream out;
  for (auto& one : settings()) {
    auto where = o.from.find(one.name);
    out << one.name << " = " << one.get(o) << "   # "
        << (where == o.from.end() ? "default" : where->second) << '\n';
  }
  return out.str();
}

std::vector<option_description> list_options(const options& o) {
  std::vector<option_description> out;
  for (auto& one : settings()) {
    auto where = o.from.find(one.name);
    out.push_back({one.name, one.help, one.secret ? "********" : one.get(o),
                   where == o.from.end() ? "default" : where->second});
  }
  return out;
}

std::optional<std::string> refuse_to_serve(const options& o,
                                           stored_users users) {
  if (o.on_loopback() || o.insecure || users == stored_users::own)
    return std::nullopt;
  auto others = "callboard: " + o.http + " can be reached by others: ";
  if (users == stored_users::of_loopback)
    return others
           + "admin or ops still has the password changeit; change it while "
             "serving loopback, or say --insecure to let everybody in";
  if (!o.admin_password.empty() && o.admin_password != loopback_password)
    return std::nullopt;
  return others
         + "set CALLBOARD_ADMIN_PASSWORD for the first start, or say "
           "--insecure to let everybody in";
}

} // namespace callboard
