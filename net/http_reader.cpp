// What Beast's parser leaves to its user: storage, bounds, and the odd cases.
#include "net/http_reader.hpp"

#include "net/ascii.hpp"

#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace callboard {

namespace http = boost::beast::http;

namespace {

// " HTTP/1.1\r\n" and the space behind the method.
constexpr std::size_t request_line_bytes = 12;

// A body in chunks may become as large as any: when this is here there is room
// made for it.
constexpr std::size_t unannounced_bytes = std::size_t{1} << 20;

// "0\r\n\r\n", the shortest end of a body in chunks. Beast (1.83) fails an
// assertion when it is given the line of a last chunk twice, with fewer.
constexpr std::size_t last_chunk_bytes = 5;

/// `host:port` of `http://host:port/path`, or nothing.
std::string_view authority_of(std::string_view target) {
  auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos)
    return {};
  target.remove_prefix(scheme + 3);
  return target.substr(0, target.find_first_of("/?#"));
}

} // namespace

http_reader::http_reader(const http_limits& limits, http_budget* ahead)
    : limits_(limits), ahead_(ahead) {
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
    if (is_header_done() && chunked() && left.front() == '0'
        && left.size() < last_chunk_bytes)
      return taken;
    bool header = !is_header_done();
    error_code ec;
    input_ = left;
    auto used = put({left.data(), left.size()}, ec);
    taken += used;
    if (ec == http::error::need_more) {
      // The parser bounds a header, but not the line before a chunk.
      if (left.size() - used > limits_.header_bytes_max)
        return malformed("a chunk's header is too long");
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
    return too_large_body(limits_);
  if (ec == http::error::header_limit) {
    auto line_end = input.substr(0, limits_.header_bytes_max).find("\r\n");
    if (header_bytes_ == 0
        && (line_end == std::string_view::npos
            || line_end > limits_.target_bytes_max))
      return too_long_target(limits_);
    return too_large_header(limits_);
  }
  return malformed(ec.message());
}

void http_reader::refuse(refusal why, error_code& ec) {
  refusal_ = std::move(why);
  ec = http::error::bad_value; // any: `refusal_` is what counts
}

void http_reader::on_request_impl(http_verb method, string_view method_text,
                                  string_view target, int version,
                                  error_code& ec) {
  request_.method = method;
  version_ = version;
  header_bytes_ = method_text.size() + target.size() + request_line_bytes;
  authority_ = authority_of(target);
  if (target.size() > limits_.target_bytes_max)
    return refuse(too_long_target(limits_), ec);
  if (auto set = request_.set_target(target); !set)
    refuse(set.error(), ec);
}

void http_reader::on_field_impl(http_field field, string_view name,
                                string_view value, error_code& ec) {
  if (is_folded(name, value))
    return refuse(malformed("a header line is continued"), ec);
  header_bytes_ += name.size() + value.size() + 4;
  if (header_bytes_ > limits_.header_bytes_max
      || ++header_count_ > header_count_max)
    return refuse(too_large_header(limits_), ec);
  // A trailer comes after everything was decided by the header: not for us.
  if (!is_header_done())
    request_.add_header(field, name, value);
}

void http_reader::on_header_impl(error_code& ec) {
  auto coding = request_.header(http_field::transfer_encoding);
  if (coding && (!chunked() || !iequals(*coding, "chunked")))
    return refuse(malformed("the only Transfer-Encoding known is chunked"), ec);
  if (coding && version_ < 11)
    return refuse(malformed("Transfer-Encoding in HTTP/1.0"), ec);
  for (auto wrong : {check_length(), check_host()})
    if (wrong)
      return refuse(*wrong, ec);
  auto expect = request_.header(http_field::expect);
  if (expect && version_ == 11 && !iequals(*expect, "100-continue"))
    return refuse(unknown_expectation(), ec);
  request_.keep_alive = keep_alive();
}

/// Beast takes the same length twice.
std::optional<refusal> http_reader::check_length() const {
  auto length = request_.header(http_field::content_length);
  if (!length)
    return std::nullopt;
  if (request_.header_count(http_field::content_length) > 1
      || length->find_first_not_of("0123456789") != std::string_view::npos)
    return malformed("Content-Length must be given once, as one number");
  return std::nullopt;
}

std::optional<refusal> http_reader::check_host() const {
  auto hosts = request_.header_count(http_field::host);
  if (hosts > 1 || (hosts == 0 && version_ == 11))
    return malformed("exactly one Host header is needed");
  if (hosts == 1 && !authority_.empty()
      && !iequals(authority_, *request_.header(http_field::host)))
    return malformed("the host of the target is not that of the Host header");
  return std::nullopt;
}

/// Beast joins the lines of such a value, in a buffer of its own unless all but
/// one are empty.
bool http_reader::is_folded(std::string_view name,
                            std::string_view value) const {
  auto* gap = name.data() + name.size();
  std::less<const char*> before;
  return before(value.data(), gap)
         || before(input_.data() + input_.size(), value.data())
         || std::find(gap, value.data(), '\n') != value.data();
}

void http_reader::on_body_init_impl(
  const boost::optional<std::uint64_t>& length, error_code&) {
  if (length && ahead_ != nullptr)
    body_.expect(std::size_t(*length), *ahead_);
}

std::size_t http_reader::on_body_impl(string_view body, error_code&) {
  body_.append(body);
  return body.size();
}

void http_reader::on_chunk_header_impl(std::uint64_t, string_view,
                                       error_code&) {}

std::size_t http_reader::on_chunk_body_impl(std::uint64_t, string_view body,
                                            error_code&) {
  body_.append(body);
  if (body_.size() >= unannounced_bytes && ahead_ != nullptr)
    body_.expect(limits_.body_bytes_max - body_.size(), *ahead_);
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
  request_.body = body_.take();
  return std::move(request_);
}

} // namespace callboard
