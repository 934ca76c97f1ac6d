// Records as they lie in the log, and rows as they lie in LMDB.
#include "persistence/codec.hpp"
#include "persistence/rows.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (auto what = decode(bytes)) {
    auto again = decode(encode(*what));
    if (!again || again->changes != what->changes
        || again->events.size() != what->events.size())
      __builtin_trap(); // what is read can be written and read again
  }
  auto cut = bytes.substr(0, size / 3);
  [[maybe_unused]] auto stream = read_stream(bytes);
  [[maybe_unused]] auto group = read_group(bytes);
  [[maybe_unused]] auto run = read_run(cut, bytes.substr(size / 3));
  [[maybe_unused]] auto later = read_delayed(cut, bytes.substr(size / 3));
  [[maybe_unused]] auto user = read_user(bytes);
  return 0;
}
