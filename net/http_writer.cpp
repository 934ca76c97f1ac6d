// The lines of an answer, in one pass into one buffer.
#include "net/http_writer.hpp"

#include <charconv>
#include <chrono>

namespace callboard {

namespace {

void append_digits(std::string& out, std::size_t number) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

/// The reason of a status that was not given one. What was only accepted has
/// none in Event Store's dialect (spec 4.1).
void append_usual_reason(std::string& out, http_status status) {
  if (status == http_status::accepted)
    return;
  auto usual = boost::beast::http::obsolete_reason(status);
  out.append(usual.data(), usual.size());
}

} // namespace

std::string_view date_header::now() {
  auto second =
    std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (second != second_) {
    second_ = second;
    std::tm utc{};
    gmtime_r(&second, &utc);
    char text[64];
    auto size = std::strftime(text, sizeof text,
                              "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    line_.assign(text, size);
  }
  return line_;
}

bool may_have_body(http_status status) noexcept {
  return status != http_status::no_content
         && status != http_status::not_modified
         && static_cast<unsigned>(status) >= 200;
}

void append_chunk(std::string& out, std::string_view part) {
  char digits[16];
  auto end = std::to_chars(digits, digits + sizeof digits, part.size(), 16).ptr;
  out.append(digits, end).append("\r\n").append(part).append("\r\n");
}

void append_head(std::string& out, const http_answer& answer,
                 const answer_context& context) {
  out += "HTTP/1.1 ";
  append_digits(out, static_cast<unsigned>(answer.status));
  out += ' ';
  if (answer.reason.empty())
    append_usual_reason(out, answer.status);
  else
    out += to_reason(answer.reason);
  out += "\r\n";
  if (context.streamed) {
    if (!context.old_client)
      out += "Transfer-Encoding: chunked\r\n";
  } else if (may_have_body(answer.status)) {
    out += "Content-Length: ";
    append_digits(out, answer.body.size());
    out += "\r\n";
  }
  if (!answer.content_type.empty())
    out.append("Content-Type: ").append(answer.content_type).append("\r\n");
  if (!context.keep_alive)
    out += "Connection: close\r\n";
  else if (context.old_client)
    out += "Connection: keep-alive\r\n";
  out.append(context.date)
    .append(context.header_block)
    .append(answer.headers)
    .append("\r\n");
}

} // namespace callboard
