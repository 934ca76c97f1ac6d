// What a binary producer's connection sends, in one piece and cut in two.
#include "net/producer_protocol.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

namespace {

/// The bytes that come back, and what was handed on.
std::string run(std::string_view input, std::size_t cut) {
  std::string seen;
  producer_protocol protocol{
    [&](std::uint16_t stream, const produce_frame& frame) {
      if (frame.records.empty())
        __builtin_trap();
      seen += std::to_string(stream) + std::string{frame.topic}
              + std::string{frame.key};
      for (auto one : frame.records)
        seen.append(one);
    }};
  std::size_t at = 0;
  for (auto end : {cut, input.size()})
    while (auto bytes = protocol.take(input.substr(at, end - at)))
      at += bytes;
  return seen + protocol.out();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  if (run(input, input.size()) != run(input, input.size() / 2))
    __builtin_trap(); // how the bytes arrive must not matter
  // A body behind a right header: the fuzzer cannot guess checksums.
  if (size > 0) [[maybe_unused]]
    auto frame = read_produce_frame(input.substr(1), (data[0] & 1) != 0);
  return 0;
}
