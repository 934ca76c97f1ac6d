// fork, a pipe for the text, the exit status for the rest.
#include "tests/power_loss/child.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace callboard::test {

namespace {

constexpr unsigned hang_seconds = 20;

} // namespace

std::string to_text(outcome what) {
  switch (what) {
    case int(finding::right): return "harmless";
    case int(finding::refused_as_corrupt): return "refused as corrupt";
    case int(finding::refused): return "refused for another reason";
    case int(finding::read_as_corrupt): return "read as corrupt";
    case int(finding::unreadable): return "unreadable for another reason";
    case int(finding::short_of_promise): return "ENTRIES MISSING";
    case int(finding::wrong): return "WRONG DATA";
    case 100 + SIGSEGV: return "SIGSEGV";
    case 100 + SIGBUS: return "SIGBUS";
    case 100 + SIGABRT: return "abort";
    case 100 + SIGALRM: return "hang";
    default: return "ended with " + std::to_string(what);
  }
}

outcome inspect_in_child(const recorded_life& life, std::size_t position,
                         const small_node_options& options, std::string& text) {
  int words[2];
  if (::pipe(words) != 0)
    throw std::runtime_error("no pipe");
  auto child = ::fork();
  if (child < 0)
    throw std::runtime_error("no child");
  if (child == 0) {
    // Catch would report the signal as this test's failure.
    for (int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
      ::signal(number, SIG_DFL);
    rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    ::alarm(hang_seconds);
    auto found = inspect(life, position, options);
    [[maybe_unused]] auto told =
      ::write(words[1], found.text.data(), found.text.size());
    ::_exit(int(found.what));
  }
  ::close(words[1]);
  text.clear();
  char some[256];
  for (ssize_t n = 0; (n = ::read(words[0], some, sizeof some)) > 0;)
    text.append(some, std::size_t(n));
  ::close(words[0]);
  int status = 0;
  if (::waitpid(child, &status, 0) != child)
    throw std::runtime_error("the child is lost");
  return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace callboard::test
