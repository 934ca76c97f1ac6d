// Accept, Content-Type and `format=`: a line each.
#include "net/negotiation.hpp"
#include "net/stream_routes.hpp"
#include "net/subscription_routes.hpp"

#include <cstdint>
#include <string_view>

using namespace callboard;

namespace {

template <class Types>
void choose(std::string_view accept, std::string_view format,
            const Types& offered) {
  auto* chosen = choose_response_type(accept, std::nullopt, offered);
  auto within = [&](auto* type) {
    return type == nullptr
           || (type >= offered.data()
               && type < offered.data() + offered.size());
  };
  if (!within(chosen) || !within(choose_response_type(accept, format, offered))
      || !within(choose_request_type(accept, offered)))
    __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto line = text.find('\n');
  auto format =
    line == std::string_view::npos ? std::string_view{} : text.substr(line + 1);
  auto accept = text.substr(0, line);
  choose(accept, format, stream_routes::feed_types);
  choose(accept, format, stream_routes::event_types);
  choose(accept, format, stream_routes::publish_types);
  choose(accept, format, subscription_routes::competing_types);
  return 0;
}
