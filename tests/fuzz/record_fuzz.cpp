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
    auto bytes_again = encode(*what);
    auto again = decode(bytes_again);
    // Bytes, not values: a NaN is not equal to itself.
    if (!again || encode(*again) != bytes_again)
      __builtin_trap(); // what is read can be written and read again
  }
  // The checksum is right, as after a bug of ours: what is behind it is not.
  std::string key{bytes.substr(0, size / 3)};
  std::string value{bytes.substr(size / 3)};
  seal(key, value);
  [[maybe_unused]] auto stream = read_stream(key, value);
  [[maybe_unused]] auto group = read_group(key, value);
  [[maybe_unused]] auto run = read_run(key, value);
  [[maybe_unused]] auto later = read_delayed(key, value);
  [[maybe_unused]] auto user = read_user(key, value);
  [[maybe_unused]] auto consumer = read_consumer(key, value);
  [[maybe_unused]] auto position = read_position(key, value);
  return 0;
}
