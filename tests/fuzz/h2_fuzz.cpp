// What comes after the preface of HTTP/2, in pieces of several sizes: output is
// bounded at every turn, and at the end nothing is left behind.
#include "net/h2_protocol.hpp"
#include "net/h2_upgrade.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t produced_bytes_max = 20'000;

http_options options() {
  return {.sizes = {.header_bytes_max = 2048,
                    .target_bytes_max = 1024,
                    .body_bytes_max = 4096},
          .h2 = {.streams_max = 8,
                 .stream_window_bytes = 2048,
                 .resets_max = 4,
                 .small_frames_max = 16}};
}

/// Requests are answered when `late` others wait, with 5000 bytes each.
void serve(std::string_view input, std::size_t step, std::size_t late) {
  auto how = options();
  std::size_t taken = 0;
  std::size_t gone = 0;
  {
    h2_protocol::moment at{h2_protocol::time_point{1h},
                           "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"};
    h2_protocol protocol{how, at.now};
    std::vector<std::uint64_t> waiting;
    auto turn = [&] {
      while (auto next = protocol.next_request()) {
        if (!next->request.target().starts_with('/')
            || next->request.body.size() > how.sizes.body_bytes_max)
          __builtin_trap();
        ++taken;
        waiting.push_back(next->number);
        std::function<void()> callback = [&gone] { ++gone; };
        protocol.on_gone(next->number, callback);
      }
      while (auto next = protocol.next_callback())
        next();
      while (waiting.size() > late) {
        protocol.answer(waiting.front(), {.body = std::string(5000, 'x')}, {},
                        at);
        waiting.erase(waiting.begin());
      }
      std::string produced;
      protocol.produce(produced, produced_bytes_max);
      if (produced.size() > 2 * produced_bytes_max)
        __builtin_trap();
    };
    for (std::size_t i = 0; i < input.size() && !protocol.over(); i += step) {
      protocol.receive(input.substr(i, step), at);
      turn();
    }
    at.now += 1min;
    protocol.expire(at);
    turn();
    protocol.drain();
    turn();
    protocol.abandon();
    late = 0;
    turn();
    if (protocol.unsent() != 0 || how.budgets->receiving.used() != 0
        || protocol.next_request())
      __builtin_trap();
  }
  if (gone > taken || how.budgets->receiving.used() != 0)
    __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  constexpr std::string_view settings{"\0\0\0\4\0\0\0\0\0", 9};
  std::string input{h2_preface};
  input += settings;
  input.append(reinterpret_cast<const char*>(data), size);
  serve(input, input.size(), 100);
  serve(input, 7, 1);
  serve(input, 1, 0);
  return 0;
}
