// The words for every bound of HTTP.
#include "net/http_limits.hpp"

#include "net/try_again.hpp"

namespace callboard {

refusal malformed(const std::string& why) {
  return {400, "Malformed request: " + why};
}

refusal too_long_target(const http_limits& limits) {
  return {414, "Request targets are limited to "
                 + std::to_string(limits.target_bytes_max) + " bytes"};
}

refusal too_large_header(const http_limits& limits) {
  return {431, "Request header fields are limited to "
                 + std::to_string(limits.header_bytes_max) + " bytes and "
                 + std::to_string(header_count_max) + " fields"};
}

refusal too_large_body(const http_limits& limits) {
  return {413, "Request bodies are limited to "
                 + std::to_string(limits.body_bytes_max) + " bytes"};
}

refusal too_many_bodies() {
  return {503, "Too many large requests at the same time"};
}

refusal unknown_expectation() {
  return {417, "The only expectation that can be met is 100-continue"};
}

refusal late_header() {
  return {408, "The header of the request was not complete in time"};
}

refusal late_body() {
  return {408, "The body of the request came too slowly: it must be complete "
               "in time, and "
                 + std::to_string(limits::body_bytes_per_second)
                 + " bytes a second are expected"};
}

http_answer answer_to(const refusal& why) {
  auto out = refuse(why);
  if (why.status == 503)
    out.add_header("Retry-After", "1");
  return out;
}

http_answer late_answer(http_verb method, std::string_view repeating) {
  if (method == http_verb::get || method == http_verb::head)
    return plain_status(http_status::request_timeout,
                        "Server was unable to handle request in time");
  return try_again(
    std::string{"The request was not answered in time: whether it was done is "
                "unknown. "}
      .append(repeating));
}

http_answer too_many_answers() {
  return answer_to({503, "Too many large answers wait for slow clients"});
}

} // namespace callboard
