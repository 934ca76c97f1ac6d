// Options, then a server until SIGTERM or SIGINT.
#include "actors/core/limits.hpp"
#include "client_commands.hpp"
#include "data_commands.hpp"
#include "page_faults.hpp"
#include "persistence/store_format.hpp"
#include "server.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace callboard;

/// Read by jemalloc: what was freed goes back to the system within a second,
/// large blocks too (they would at once, and a body of 16 MB costs 4,000 page
/// faults), and few threads need few arenas.
extern "C" const char* malloc_conf;
const char* malloc_conf =
  "narenas:4,oversize_threshold:0,dirty_decay_ms:500,muzzy_decay_ms:0";

namespace {

/// Where they are closed, files that are opened later would become stdin,
/// stdout and stderr, and lines of the log be written into what is stored.
void take_standard_streams() {
  int fd = -1;
  do
    fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    ::close(fd);
}

/// Files are made for this user alone: events and hashes of passwords are in
/// them.
void keep_files_private() {
  ::umask(::umask(0) | 077);
}

/// Blocks SIGTERM, SIGINT, SIGHUP and `restart_signal` in this thread and those
/// it starts.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, restart_signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

/// `%*`: the text as a JSON string.
class json_text_flag : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    std::string text{message.payload.data(), message.payload.size()};
    auto quoted = nlohmann::json(text).dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
    to.append(quoted.data(), quoted.data() + quoted.size());
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_text_flag>();
  }
};

/// `%*`: the text on one line. Names that clients chose are in it, and must
/// neither begin a line of their own nor steer a terminal.
class one_line_flag : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    unsigned char before = 0;
    for (unsigned char byte : message.payload) {
      bool is_c1 = before == 0xc2 && byte < 0xa0; // U+0080 to U+009f
      if (byte == '\n')
        to.append(std::string_view{"\\n"});
      else if (byte < 0x20 || byte == 0x7f || is_c1)
        spdlog::fmt_lib::format_to(std::back_inserter(to), "\\x{:02x}", byte);
      else
        to.push_back(static_cast<char>(byte));
      before = byte;
    }
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<one_line_flag>();
  }
};

void set_up_log(const options& settings) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("callboard"));
  spdlog::set_level(spdlog::level::from_str(settings.log_level));
  auto lines = std::make_unique<spdlog::pattern_formatter>();
  if (settings.log_format == "json")
    lines->add_flag<json_text_flag>('*').set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":%*})");
  else
    lines->add_flag<one_line_flag>('*').set_pattern(
      "%Y-%m-%dT%H:%M:%S.%e%z %l %*");
  spdlog::set_formatter(std::move(lines));
}

/// The usual soft limit of 1024 files is meant for programs that use select().
void allow_descriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t others = 200; // wal, LMDB, refused connections
  if (files.rlim_max < limits::connections_max + others)
    spdlog::warn("only {} files may be open: fewer connections than {}",
                 files.rlim_max, limits::connections_max);
}

void tell_addresses(const options& settings, const server& running) {
  spdlog::info("serving version={} {}={} port={} data={}", CALLBOARD_VERSION,
               settings.tls_certificate.empty() ? "http" : "https",
               settings.http_address, running.port(), settings.data);
  if (auto& barco = running.barco())
    spdlog::info("serving barco={} discovery={} producer={} consumer={} "
                 "metrics={} binary={}",
                 settings.barco.address, barco->discovery, barco->producer,
                 barco->consumer, barco->metrics, barco->binary);
}

int serve(const options& settings) {
  auto signals = block_signals();
  name_page_faults(settings.data);
  set_up_log(settings);
  allow_descriptors();
  server::failure why;
  std::unique_ptr<server> running;
  int signal = restart_signal;
  do {
    if (signal == restart_signal) {
      running.reset();
      running = server::start(settings, why);
      if (!running) {
        std::cerr << why.text << '\n';
        return why.exit_code;
      }
      tell_addresses(settings, *running);
    } else
      running->reload();
  } while (sigwait(&signals, &signal) == 0
           && (signal == SIGHUP || signal == restart_signal));
  spdlog::info("stopping signal={}", signal);
  running.reset();
  spdlog::info("stopped");
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  take_standard_streams();
  keep_files_private();
  auto parsed = parse_options({argv + 1, argv + argc}, std::getenv);
  if (!parsed.run) {
    (parsed.end.code == 0 ? std::cout : std::cerr) << parsed.end.text << '\n';
    return parsed.end.code;
  }
  auto& [what, settings, client] = *parsed.run;
  switch (what) {
    case command::serve: return serve(settings);
    case command::config: std::cout << describe(settings); return 0;
    case command::check:
      name_page_faults(settings.data);
      return check_data(settings.data);
    case command::compact:
      name_page_faults(settings.data);
      return compact_data(settings.data);
    case command::health: return ask_health(client);
    case command::cluster: return command_cluster(client);
    case command::version:
      std::cout << "callboard " << CALLBOARD_VERSION << "\nbuilt with GCC "
                << __VERSION__ << ", " << CALLBOARD_BUILD_TYPE
                << "\nstore format " << store_format << '\n';
      return 0;
  }
  return 2;
}
