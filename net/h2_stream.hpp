// What h2_protocol keeps for one stream; only its own files include this.
#pragma once

#include "net/h2_protocol.hpp"

#include <nghttp2/nghttp2.h>

namespace callboard {

struct h2_protocol::stream {
  std::int32_t id = 0;
  std::size_t place = 0; // in `streams_`
  phase at = phase::header;
  time_point deadline{};
  time_point asked{}; // when it was complete, or its header

  // what came
  http_request request;
  http_body body;
  std::string authority;
  std::size_t header_bytes = 0;
  std::size_t header_count = 0;
  std::optional<refusal> refused{};
  held_bytes counted{};
  bool has_target = false;
  http_verb method = http_verb::get;
  bool head_only = false;

  // who answers
  std::function<void()> gone{};
  std::function<void()> stopping{};

  // the answer's body, and who hears if it does not leave
  std::string out{};
  bool open = false; // more of it will come
  std::function<void()> unsent{};
  std::size_t sent = 0;
  std::uint64_t sent_ever = 0;       // of a body that comes in parts
  std::uint64_t sent_before = 0;     // when its deadline was set, ...
  std::uint64_t all_sent_before = 0; // ... and of the whole connection
};

} // namespace callboard
