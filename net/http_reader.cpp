// What Beast's parser leaves to its user: storage, bounds, and the odd cases.
#include "net/http_reader.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <utility>

namespace callboard {

namespace http = boost::beast::http;
using boost::beast::iequals;

namespace {

constexpr std::size_t header_count_max = 100;

// What a client announces is believed in steps: memory follows what came.
constexpr std::size_t body_bytes_at_once = std::size_t{256} << 10;

refusal too_large_header(std::size_t bytes_max) {
  return {431, "Request header fields are limited to "
                 + std::to_string(bytes_max) + " bytes and "
                 + std::to_string(header_count_max) + " fields"};
}

} // namespace

http_reader::http_reader(const http_limits& limits) : limits_(limits) {
  header_limit(std::uint32_t(limits.header_bytes_max));
  body_limit(limits.body_bytes_max);
}

accepted<std::size_t> http_reader::read(std::string_view input) {
  std::size_t taken = 0;
  // Some clients send an empty line after a body (RFC 9112, 2.2).
  while (!got_some() && input.substr(taken).starts_with("\r\n"))
    taken += 2;
  if (!got_some() && input.substr(taken) == "\r")
    return taken;
  while (taken < input.size() && !is_done()) {
    auto left = input.substr(taken);
    bool header = !is_header_done();
    error_code ec;
    auto used = put({left.data(), left.size()}, ec);
    taken += used;
    if (ec == http::error::need_more) {
      // The parser bounds a header, but not the line before a chunk.
      if (left.size() - used > limits_.header_bytes_max)
        return refusal{400, "Malformed request: a chunk's header is too long"};
      return taken;
    }
    if (ec)
      return why(ec, left);
    if (header)
      break; // the caller may want to say `100 Continue`
  }
  return taken;
}

refusal http_reader::why(error_code ec, std::string_view input) const {
  if (refusal_)
    return *refusal_;
  if (ec == http::error::body_limit)
    return {413, "Request bodies are limited to "
                   + std::to_string(limits_.body_bytes_max) + " bytes"};
  if (ec == http::error::header_limit) {
    auto first_line = input.substr(0, input.find("\r\n"));
    if (header_bytes_ == 0 && first_line.size() > limits_.target_bytes_max)
      return {414, "Request targets are limited to "
                     + std::to_string(limits_.target_bytes_max) + " bytes"};
    return too_large_header(limits_.header_bytes_max);
  }
  return {400, "Malformed request: " + ec.message()};
}

void http_reader::refuse(unsigned status, std::string text, error_code& ec) {
  refusal_ = refusal{status, std::move(text)};
  ec = http::error::bad_value; // any: `refusal_` is what counts
}

void http_reader::on_request_impl(http_verb method, string_view,
                                  string_view target, int version,
                                  error_code& ec) {
  request_.method = method;
  version_ = version;
  header_bytes_ = target.size();
  if (target.size() > limits_.target_bytes_max)
    return refuse(414,
                  "Request targets are limited to "
                    + std::to_string(limits_.target_bytes_max) + " bytes",
                  ec);
  if (auto set = request_.set_target(target); !set) {
    refusal_ = set.error();
    ec = http::error::bad_target;
  }
}

void http_reader::on_field_impl(http_field field, string_view name,
                                string_view value, error_code& ec) {
  header_bytes_ += name.size() + value.size() + 4;
  if (header_bytes_ > limits_.header_bytes_max + limits_.target_bytes_max
      || ++header_count_ > header_count_max) {
    refusal_ = too_large_header(limits_.header_bytes_max);
    ec = http::error::header_limit;
    return;
  }
  // A trailer comes after everything was decided by the header: not for us.
  if (!is_header_done())
    request_.add_header(field, name, value);
}

void http_reader::on_header_impl(error_code& ec) {
  auto coding = request_.header(http_field::transfer_encoding);
  if (coding && (!chunked() || !iequals(*coding, "chunked")))
    return refuse(400,
                  "Malformed request: the only Transfer-Encoding known is "
                  "chunked",
                  ec);
  if (coding && version_ < 11)
    return refuse(400, "Malformed request: Transfer-Encoding in HTTP/1.0", ec);
  auto hosts = request_.header_count(http_field::host);
  if (hosts > 1 || (hosts == 0 && version_ == 11))
    return refuse(400, "Malformed request: exactly one Host header is needed",
                  ec);
  request_.keep_alive = keep_alive();
}

void http_reader::on_body_init_impl(
  const boost::optional<std::uint64_t>& length, error_code&) {
  if (length)
    request_.body.reserve(std::min(std::size_t(*length), body_bytes_at_once));
}

std::size_t http_reader::on_body_impl(string_view body, error_code&) {
  auto& to = request_.body;
  if (to.size() + body.size() > to.capacity())
    to.reserve(to.size() + std::size_t(content_length_remaining().value_or(0)));
  to.append(body.data(), body.size());
  return body.size();
}

void http_reader::on_chunk_header_impl(std::uint64_t, string_view,
                                       error_code&) {}

std::size_t http_reader::on_chunk_body_impl(std::uint64_t, string_view body,
                                            error_code&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

void http_reader::on_finish_impl(error_code&) {}

void http_reader::on_response_impl(int, string_view, int, error_code&) {}

bool http_reader::expects_continue() const noexcept {
  auto expect = request_.header(http_field::expect);
  return expect && version_ == 11 && !is_done()
         && iequals(*expect, "100-continue");
}

http_request http_reader::take() {
  return std::move(request_);
}

} // namespace callboard
