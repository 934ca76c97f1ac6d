// Frames of the client become requests, within bounds.
#include "net/ascii.hpp"
#include "net/h2_stream.hpp"

#include <charconv>
#include <utility>

namespace callboard {

namespace {

// ":path" and the like count as in the request line of HTTP/1.
constexpr std::size_t request_line_bytes = 12;

// Header fields that go on beyond their bound are no mistake.
constexpr std::size_t header_excess_max = 4;

refusal too_much_header_text(const h2_limits& limits) {
  return {503, "The headers of a connection's requests that are not answered "
               "yet are limited to "
                 + std::to_string(limits.header_text_bytes_max)
                 + " bytes together"};
}

std::optional<std::uint64_t> content_length(const http_request& request) {
  auto text = request.header(http_field::content_length);
  std::uint64_t out = 0;
  if (!text
      || std::from_chars(text->data(), text->data() + text->size(), out).ec
           != std::errc{})
    return std::nullopt;
  return out;
}

} // namespace

void h2_protocol::receive(std::string_view input, const moment& at) {
  if (failed_)
    return;
  now_ = at.now;
  date_ = at.date;
  auto taken = nghttp2_session_mem_recv(
    session_.get(), reinterpret_cast<const std::uint8_t*>(input.data()),
    input.size());
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
    fail(NGHTTP2_PROTOCOL_ERROR);
  else if (taken == NGHTTP2_ERR_NOMEM)
    fail(NGHTTP2_INTERNAL_ERROR);
  else if (taken < 0) // a flood of whatever kind
    fail(NGHTTP2_ENHANCE_YOUR_CALM);
  if (std::exchange(grown_, false))
    count_bodies();
}

void h2_protocol::on_reset() {
  if (!resets_.take(now_))
    fail(NGHTTP2_ENHANCE_YOUR_CALM);
}

void h2_protocol::on_small_frame() {
  if (!small_frames_.take(now_))
    fail(NGHTTP2_ENHANCE_YOUR_CALM);
}

// --- header -----------------------------------------------------------------

void h2_protocol::on_header(stream& to, std::string_view name,
                            std::string_view value) {
  auto& sizes = options_.sizes;
  to.header_bytes += name.size() + value.size() + 4;
  if (to.header_bytes > header_excess_max * sizes.header_bytes_max)
    return fail(NGHTTP2_ENHANCE_YOUR_CALM);
  if (to.refused)
    return;
  if (to.at == phase::header && !count_header(to, name.size() + value.size()))
    return refuse(to, too_much_header_text(options_.h2));
  if (name.starts_with(':'))
    return on_pseudo_header(to, name, value);
  if (to.header_bytes > sizes.header_bytes_max
      || ++to.header_count > header_count_max)
    return refuse(to, too_large_header(sizes));
  // A trailer comes after everything was decided by the header: not for us.
  if (to.at == phase::header)
    to.request.add_header(name, value);
}

bool h2_protocol::count_header(stream& of, std::size_t bytes) {
  if (bytes > options_.h2.header_text_bytes_max - header_text_)
    return false;
  header_text_ += bytes;
  of.counted.header += bytes;
  return true;
}

/// nghttp2 sees to it that they come first, once, and that none is missing.
void h2_protocol::on_pseudo_header(stream& to, std::string_view name,
                                   std::string_view value) {
  auto& sizes = options_.sizes;
  to.header_bytes -= name.size() + 4;
  if (name == ":method") {
    to.request.method = boost::beast::http::string_to_verb(value);
    to.header_bytes += request_line_bytes;
  } else if (name == ":authority") {
    to.authority = value;
  } else if (name == ":path") {
    if (value.size() > sizes.target_bytes_max)
      return refuse(to, too_long_target(sizes));
    if (auto set = to.request.set_target(value); !set)
      return refuse(to, set.error());
    to.has_target = true;
  }
}

void h2_protocol::on_bad_header(stream& to) {
  // It may hold anything: it is not repeated.
  if (!to.refused)
    refuse(to, malformed("a header field is not valid"));
}

void h2_protocol::on_header_end(stream& of, bool complete) {
  if (!of.refused)
    if (auto wrong = check_header(of))
      of.refused = std::move(wrong);
  if (of.refused)
    return respond_refused(of);
  of.asked = now_;
  if (complete)
    return on_complete(of);
  enter(of, phase::body, std::min(options_.body_grace, options_.body_wait_max));
  if (auto length = content_length(of.request))
    of.body.expect(std::size_t(*length), options_.budgets->ahead);
  if (of.request.header(http_field::expect))
    submit_continue(of);
}

std::optional<refusal> h2_protocol::check_header(stream& of) {
  auto& request = of.request;
  auto authority = std::move(of.authority); // nobody else needs it
  if (!of.has_target)
    return refusal{400, "The request target must begin with a slash"};
  of.method = request.method;
  of.head_only = request.method == http_verb::head;
  auto host = request.header(http_field::host);
  if (!host)
    request.add_header(http_field::host, "host", authority);
  else if (!authority.empty() && !iequals(*host, authority))
    return malformed("the host of the target is not that of the Host header");
  auto length = content_length(request);
  if (length && *length > options_.sizes.body_bytes_max)
    return too_large_body(options_.sizes);
  auto expect = request.header(http_field::expect);
  if (expect && !iequals(*expect, "100-continue"))
    return unknown_expectation();
  return std::nullopt;
}

// --- body -------------------------------------------------------------------

void h2_protocol::on_data(stream& of, std::string_view part) {
  if (of.at != phase::body)
    return; // refused: the rest is read over
  if (part.size() > options_.sizes.body_bytes_max - of.body.size())
    return refuse(of, too_large_body(options_.sizes));
  of.body.append(part);
  grown_ = true;
}

void h2_protocol::on_complete(stream& of) {
  if (of.at > phase::body)
    return; // refused
  if (orphans_.size() >= options_.h2.streams_max)
    return reset(of.id, NGHTTP2_REFUSED_STREAM);
  of.request.body = of.body.take();
  hand_out(of);
}

void h2_protocol::hand_out(stream& complete) {
  complete.asked = now_;
  enter(complete, phase::complete, options_.answer_wait_max);
  complete_.push_back(std::uint64_t(complete.id));
}

/// What came whole needs no place in the budget.
void h2_protocol::count_bodies() {
  std::vector<std::uint64_t> growing;
  for (auto& each : streams_)
    if (each->at == phase::body && each->body.size() > each->counted.body)
      growing.push_back(std::uint64_t(each->id));
  for (auto number : growing) {
    auto& each = *find(number);
    auto more = each.body.size() - each.counted.body;
    if (!receiving_.resize(counted_ + more)) {
      refuse(each, too_many_bodies());
      continue;
    }
    counted_ += more;
    each.counted.body += more;
  }
}

void h2_protocol::uncount(stream& which) {
  uncount(std::exchange(which.counted, {}));
}

void h2_protocol::uncount(held_bytes bytes) {
  header_text_ -= bytes.header;
  if (bytes.body > 0)
    receiving_.resize(counted_ -= bytes.body);
}

void h2_protocol::refuse(stream& which, refusal why) {
  which.refused = std::move(why);
  if (which.at != phase::header) // else at the end of the header
    respond_refused(which);
}

} // namespace callboard
