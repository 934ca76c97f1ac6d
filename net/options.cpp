// CLI11 for the flags, toml++ for the file; both end here.
#include "net/options.hpp"

#include "net/option_table.hpp"
#include "net/option_values.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace callboard {

namespace {

std::string environment_name(const std::string& name) {
  auto out = "CALLBOARD_" + name;
  for (auto& c : out)
    c = c == '-' ? '_' : char(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// What the tables of the file are short for: `[cluster] peers` is `peers`.
std::string name_in_table(const std::string& table, const std::string& key) {
  if (table == "cluster" && key == "listen")
    return "cluster";
  if (table == "cluster" && key == "secret-file")
    return "cluster-secret-file";
  return key;
}

using file_settings =
  std::map<std::string, std::pair<std::string, std::string>>;

/// One line of the file, or all of a table. Returns what is wrong with it.
std::optional<std::string> read_node(const std::string& path,
                                     const std::string& table, std::string name,
                                     const toml::node& node,
                                     file_settings& into) {
  auto where = path + ":" + std::to_string(node.source().begin.line);
  auto written = name;
  std::replace(name.begin(), name.end(), '_', '-');
  if (table.empty() && name == "cluster" && node.is_table()) {
    for (auto&& [key, inner] : *node.as_table())
      if (auto wrong =
            read_node(path, name, std::string{key.str()}, inner, into))
        return wrong;
    return std::nullopt;
  }
  name = name_in_table(table, name);
  bool known = std::any_of(setting_table().begin(), setting_table().end(),
                           [&](auto& one) { return one.name == name; });
  if (!known)
    return where + ": there is no setting '" + written
           + "'; `callboard config` lists all";
  std::ostringstream text;
  if (auto* string = node.as_string())
    text << string->get();
  else if (auto* integer = node.as_integer())
    text << integer->get();
  else if (auto* boolean = node.as_boolean())
    text << on_off(boolean->get());
  else if (auto* list = node.as_table(); list && name == "peers") {
    for (auto&& [id, at] : *list)
      text << (text.tellp() > 0 ? "," : "") << id.str() << '='
           << at.value_or(std::string{});
  } else
    return where + ": '" + name + "' must be a text, a number or a boolean";
  into[name] = {text.str(), where};
  return std::nullopt;
}

/// The file's settings as texts. Returns a line about what is wrong with it.
std::optional<std::string> read_file(const std::string& path,
                                     file_settings& into) {
  std::error_code unknown; // opening it says what is wrong then
  if (std::filesystem::is_directory(path, unknown))
    return path + " is a directory";
  errno = 0;
  if (!std::ifstream{path}) // the parser would not say why
    return path + " cannot be read: " + std::generic_category().message(errno);
  try {
    auto file = toml::parse_file(path);
    for (auto&& [key, node] : file)
      if (auto wrong = read_node(path, {}, std::string{key.str()}, node, into))
        return wrong;
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
  file_settings file;
  auto* file_variable = environment("CALLBOARD_CONFIG");
  auto path = !file_flag.empty()
                ? file_flag
                : std::string{file_variable ? file_variable : ""};
  if (!path.empty())
    if (auto wrong = read_file(path, file))
      return wrong;
  set_http(to, to.http);
  for (auto& one : setting_table()) {
    auto variable = environment_name(one.name);
    std::string text;
    std::string where = "default";
    if (auto flag = flags.find(one.name); flag != flags.end()) {
      text = flag->second;
      where = "--" + one.name;
    } else if (auto* value = environment(variable.c_str())) {
      text = value;
      where = variable;
    } else if (auto theirs =
                 one.barco_variable.empty()
                   ? std::nullopt
                   : barco_variable(one.barco_variable, environment)) {
      std::tie(text, where) = *theirs;
    } else if (auto line = file.find(one.name); line != file.end()) {
      std::tie(text, where) = line->second;
    }
    to.from[one.name] = where;
    if (where == "default")
      continue;
    if (auto wrong = one.set(to, text))
      return where + " " + *wrong;
  }
  if (to.from["barco"] == "default")
    if (auto variable = listen_as_barco_would(to, environment))
      to.from["barco"] = *variable;
  if (to.tls_certificate.empty() != to.tls_key.empty())
    return "--tls-cert and --tls-key belong together: only "
           + std::string{to.tls_key.empty() ? "--tls-cert" : "--tls-key"}
           + " is set";
  if (to.from["cluster"] == "default")
    listen_as_peers_say(to.cluster, host_name());
  return check_cluster(to.cluster, host_name(), to.from);
}

/// What may be said on the command line, and what was.
class command_grammar {
public:
  command_grammar() {
    app_.require_subcommand(1);
    auto* serve = add("serve", "serve a data directory", command::serve);
    auto* config = add("config", "print the settings and where each came from",
                       command::config);
    for (auto* sub : {serve, config})
      take_settings(*sub);
    auto* check = add("check", "verify a data directory that nobody serves",
                      command::check);
    auto* compact =
      add("compact", "give unused space of a directory that nobody serves back",
          command::compact);
    for (auto* sub : {check, compact})
      sub->add_option_function<std::string>(
        "--data", [this](const std::string& x) { values["data"] = x; },
        "the directory");
    add("version", "print the version", command::version);
    add_client_commands();
  }

  // Its options point into it.
  command_grammar(const command_grammar&) = delete;
  command_grammar& operator=(const command_grammar&) = delete;

  /// Why the program ends at once, or nothing.
  std::optional<ending> parse(std::vector<std::string> arguments) {
    try {
      std::reverse(arguments.begin(), arguments.end()); // CLI11 has it so
      app_.parse(std::move(arguments));
    } catch (const CLI::Success&) {
      auto chosen = app_.get_subcommands();
      return ending{0, chosen.empty() ? app_.help() : chosen.back()->help()};
    } catch (const CLI::ParseError& error) {
      return ending{2, std::string{"callboard: "} + error.what()
                         + "; `callboard --help` shows what there is"};
    }
    for (auto& one : setting_table())
      if (auto bare = values.find(one.name);
          one.bare && bare != values.end() && bare->second.empty())
        bare->second = "on";
    for (auto* action : actions_)
      if (action->parsed())
        client.action = action->get_name();
    return std::nullopt;
  }

  command what() const { return commands_.at(app_.get_subcommands().front()); }

  std::map<std::string, std::string> values; // of settings, by name
  std::string file;
  client_options client;

private:
  CLI::App* add(const char* name, const char* help, command what) {
    auto* sub = app_.add_subcommand(name, help);
    commands_[sub] = what;
    return sub;
  }

  void take_settings(CLI::App& to) {
    to.add_option("--config", file, "TOML file with any of these settings");
    for (auto& one : setting_table())
      if (!one.secret) {
        auto name = one.name;
        auto* option = to.add_option_function<std::string>(
          "--" + name, [this, name](const std::string& x) { values[name] = x; },
          one.help);
        if (one.bare)
          option->expected(0, 1)->default_str("on");
      }
  }

  void add_client_commands() {
    auto* health =
      add("health", "ask whether a running node is ready", command::health);
    health->add_option("url", client.url, "of the node");
    auto* cluster =
      add("cluster", "see and change a running cluster", command::cluster);
    cluster->require_subcommand(1);
    act(*cluster, "status", "who leads, and how far each node is");
    act(*cluster, "add", "let a node in", "ID=HOST:PORT of its --cluster",
        true);
    act(*cluster, "remove", "let a node go", "ID", true);
    act(*cluster, "transfer", "hand leadership over", "ID of the next leader");
    act(*cluster, "drain", "have a node lead no more until it restarts", "ID");
    for (auto* sub : {health, cluster}) {
      sub
        ->add_option_function<std::int64_t>(
          "--timeout",
          [this](std::int64_t ms) {
            client.wait_max = std::chrono::milliseconds{ms};
          },
          "milliseconds to wait for the answer")
        ->check(CLI::Range(1, 600'000));
      sub->add_option("--ca", client.ca_file,
                      "PEM file of who signs certificates, for https; none: "
                      "those that this machine trusts");
      sub->add_flag("--insecure", client.insecure,
                    "believe any certificate, for https");
    }
    cluster->add_option("--http", client.url,
                        "ADDRESS:PORT or URL of any node");
    cluster->add_option("--user", client.user, "NAME:PASSWORD of an operator")
      ->envname("CALLBOARD_USER");
  }

  void act(CLI::App& cluster, const char* name, const char* help,
           const char* argument = nullptr, bool needed = false) {
    auto* action = cluster.add_subcommand(name, help);
    action->fallthrough();
    if (argument)
      action->add_option("argument", client.argument, argument)
        ->required(needed);
    actions_.push_back(action);
  }

  CLI::App app_{"Callboard: a durable message broker over HTTP", "callboard"};
  std::map<const CLI::App*, command> commands_;
  std::vector<CLI::App*> actions_; // of `cluster`
};

} // namespace

std::string host_name() {
  std::string out(256, '\0');
  if (::gethostname(out.data(), out.size() - 1) != 0)
    return {};
  out.resize(std::strlen(out.c_str()));
  return out;
}

bool options::on_loopback() const {
  boost::system::error_code bad;
  auto address = boost::asio::ip::make_address(http_address, bad);
  return !bad && address.is_loopback();
}

parsed_options
parse_options(const std::vector<std::string>& arguments,
              const std::function<const char*(const char*)>& environment) {
  command_grammar grammar;
  parsed_options out;
  if (auto end = grammar.parse(arguments)) {
    out.end = std::move(*end);
    return out;
  }
  command_line run;
  run.what = grammar.what();
  run.client = std::move(grammar.client);
  if (run.what != command::health && run.what != command::cluster
      && run.what != command::version)
    if (auto wrong =
          fill(run.settings, grammar.values, grammar.file, environment)) {
      out.end = {2, "callboard: " + *wrong};
      return out;
    }
  out.run = std::move(run);
  return out;
}

std::string describe(const options& o) {
  std::ostringstream out;
  for (auto& one : setting_table()) {
    auto where = o.from.find(one.name);
    out << one.name << " = " << one.get(o) << "   # "
        << (where == o.from.end() ? "default" : where->second) << '\n';
  }
  return out.str();
}

std::vector<option_description> list_options(const options& o) {
  std::vector<option_description> out;
  for (auto& one : setting_table()) {
    auto where = o.from.find(one.name);
    out.push_back({one.name, one.help, one.secret ? "********" : one.get(o),
                   where == o.from.end() ? "default" : where->second});
  }
  return out;
}

namespace {

/// The Barco dialect knows no logins, so whoever reaches it is let in.
std::optional<std::string> refuse_barco(const options& o) {
  if (o.barco.on_loopback() || o.barco.open || o.insecure
      || o.anonymous.value_or(false))
    return std::nullopt;
  return "callboard: " + o.barco.listen
         + " can be reached by others, and the Barco dialect has no logins: "
           "say "
           "--barco-open or --anonymous on to let everybody publish and "
           "consume, or --barco off";
}

std::optional<std::string> refuse_http(const options& o, stored_users users) {
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

} // namespace

std::optional<std::string> refuse_to_serve(const options& o,
                                           stored_users users) {
  auto refused = refuse_http(o, users);
  return refused ? refused : refuse_barco(o);
}

} // namespace callboard
