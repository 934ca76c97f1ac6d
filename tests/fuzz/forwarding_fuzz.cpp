// What one node of a cluster sends another about its clients' requests.
#include "net/forwarded_frames.hpp"
#include "net/forwarded_messages.hpp"

#include <cstdint>
#include <string_view>

using namespace callboard;

namespace {

void require(bool holds) {
  if (!holds)
    __builtin_trap();
}

/// What was understood is written, and understood, in the same way again.
void check_request(std::string_view bytes) {
  auto what = decode_forwarded_request(bytes);
  if (!what)
    return;
  require(forwarding_thread(bytes) == what->from.key.thread);
  auto written = encode(what->from, what->request);
  auto again = decode_forwarded_request(written);
  require(again.has_value() && again->from == what->from);
  require(encode(again->from, again->request) == written);
  if (auto frame = decode_produce_frame(what->request.body))
    require(encode(*frame).size() <= what->request.body.size());
}

void check_answer(std::string_view bytes) {
  auto what = decode_forwarded_answer(bytes);
  if (!what || what->outcome != forwarded_outcome::served)
    return;
  what->answer.content_type = what->content_type;
  auto written = encode(what->key, what->answer, {});
  require(written.size() <= bytes.size());
  require(decode_forwarded_answer(written).has_value());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_request(bytes);
  check_answer(bytes);
  if (auto note = decode_forwarding_note(bytes))
    require(decode_forwarding_note(encode(*note)) == note);
  return 0;
}
