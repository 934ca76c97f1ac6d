// What anyone may send to a node's cluster address, in one piece and in two.
#include "net/cluster_frames.hpp"
#include "net/cluster_handshake.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

namespace {

using role = cluster_handshake::role;

const cluster_identity me{2, "c", "s", "h"};

/// Calls `take` with the two parts, one after the other.
template <class F>
void in_parts(std::string_view bytes, std::size_t cut, F take) {
  take(bytes.substr(0, cut));
  take(bytes.substr(cut));
}

/// Where a handshake ends, without what is random.
std::string shake_hands(role as, std::string_view bytes, std::size_t cut) {
  cluster_handshake one{as, me, as == role::dialer ? node_id{1} : node_id{0},
                        [](node_id) { return true; }};
  std::size_t taken = 0;
  in_parts(bytes, cut, [&](std::string_view part) {
    auto rest = part;
    one.take(rest);
    taken += part.size() - rest.size();
  });
  if (one.done())
    __builtin_trap(); // nobody guesses a proof
  return std::to_string(taken) + std::string{describe(one.error())}
         + std::to_string(one.peer()) + " " + std::to_string(one.out().size());
}

std::string read_frames(std::string_view bytes, std::size_t cut) {
  std::string seen;
  cluster_frame_reader reader{0, 1'000};
  in_parts(bytes, cut, [&](std::string_view part) {
    while (auto frame = reader.next(part))
      seen += std::to_string(frame->kind) + frame->body;
    if (reader.held_bytes() > 1'000)
      __builtin_trap();
  });
  return seen + std::string{describe(reader.error())};
}

/// Frames with right headers round these bodies: `size 1 | body` each.
std::string as_frames(std::string_view bytes) {
  std::string out;
  for (std::uint64_t sequence = 1; !bytes.empty(); ++sequence) {
    auto size = static_cast<unsigned char>(bytes.front());
    auto body = bytes.substr(1, size);
    auto header = cluster_frame_header(std::uint8_t(size), sequence, body, 0);
    out.append(header.data(), header.size()).append(body);
    bytes.remove_prefix(1 + body.size());
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  auto cut = size > 0 ? data[size - 1] % size : 0;
  for (auto as : {role::dialer, role::acceptor})
    if (shake_hands(as, input, size) != shake_hands(as, input, cut))
      __builtin_trap(); // how the bytes arrive must not matter
  if (read_frames(input, size) != read_frames(input, cut))
    __builtin_trap();
  auto frames = as_frames(input);
  if (read_frames(frames, frames.size()) != read_frames(frames, cut))
    __builtin_trap();
  if (read_frames(frames, cut).find("no error") == std::string::npos)
    __builtin_trap(); // what is written can be read
  return 0;
}
