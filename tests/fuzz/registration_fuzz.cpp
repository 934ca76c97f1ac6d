// What consumers say when they register: the query, or a JSON body.
#include "net/barco_registration.hpp"

#include "actors/core/limits.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace callboard;

/// The input is a query, a line's end, and a body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  auto line = input.find('\n');
  http_request request;
  request.method = http_verb::put;
  auto target =
    "/v1/consumer/register?" + std::string{input.substr(0, line)};
  if (!request.set_target(target))
    return 0;
  if (line != std::string_view::npos)
    request.body = input.substr(line + 1);
  auto what = read_registration(request);
  if (!what)
    return what.error().status == 400 && !what.error().text.empty()
             ? 0
             : (__builtin_trap(), 0);
  // What is accepted fits into its row, and its key is one.
  auto bad = what->key.id.empty() || what->group.empty()
             || what->topics.empty()
             || what->key.id.size() > limits::consumer_id_bytes_max
             || what->group.size() > limits::group_name_bytes_max
             || what->key.id.find('\0') != std::string::npos
             || what->group.find('\0') != std::string::npos;
  if (bad)
    __builtin_trap();
  return 0;
}
