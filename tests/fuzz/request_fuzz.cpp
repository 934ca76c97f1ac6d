// Bytes of a connection: one request after the other, routed. However the bytes
// are cut into pieces, the reader must come to the same requests.
#include "net/http_reader.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace callboard;

namespace {

/// What the reader makes of `input` given `step` bytes at a time: a line for
/// each request, and one for the refusal that ends it.
std::vector<std::string> requests_of(std::string_view input, std::size_t step) {
  static const http_limits limits{.body_bytes_max = 4096};
  std::vector<std::string> out;
  std::string held;
  auto reader = std::make_unique<http_reader>(limits);
  for (std::size_t at = 0; at < input.size(); at += step) {
    held += input.substr(at, step);
    for (;;) {
      auto taken = reader->read(held);
      if (!taken) {
        out.push_back("refused " + std::to_string(taken.error().status));
        return out;
      }
      held.erase(0, *taken);
      if (reader->done()) {
        auto request = reader->take();
        out.push_back(std::string{request.target()} + '\n' + request.body);
        reader = std::make_unique<http_reader>(limits);
      } else if (*taken == 0 || held.empty())
        break;
    }
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  auto whole = requests_of(input, size + 1);
  auto bytewise = requests_of(input, 1);
  // A refusal may come earlier when more is seen at once; what was complete
  // before it is the same.
  for (std::size_t i = 0; i < whole.size() && i < bytewise.size(); ++i)
    if (whole[i] != bytewise[i] && !whole[i].starts_with("refused")
        && !bytewise[i].starts_with("refused"))
      __builtin_trap();
  http_request request;
  [[maybe_unused]] auto set = request.set_target(input);
  return 0;
}
