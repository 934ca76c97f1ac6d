// The sets of characters; Boost.URL does the rest.
#include "net/url.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/grammar/lut_chars.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

namespace callboard {

namespace urls = boost::urls;

namespace {

constexpr urls::grammar::lut_chars
  printable("!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
            "abcdefghijklmnopqrstuvwxyz{|}~");
constexpr auto segment_chars =
  printable - urls::grammar::lut_chars("\"<>\\^`{|}%/?#");

bool append(std::string& out, std::string_view escaped,
            urls::encoding_opts options) {
  auto checked = urls::make_pct_string_view(escaped);
  if (!checked)
    return false;
  checked->decode(options, urls::string_token::append_to(out));
  return true;
}

} // namespace

void append_segment(std::string& out, std::string_view name) {
  urls::encode(name, urls::unreserved_chars, {},
               urls::string_token::append_to(out));
}

std::string escape_segment(std::string_view name) {
  return urls::encode(name, urls::unreserved_chars);
}

std::string escape_lightly(std::string_view name) {
  return urls::encode(name, segment_chars);
}

bool append_decoded(std::string& out, std::string_view escaped) {
  if (escaped.find('%') == std::string_view::npos) {
    out += escaped; // nearly always
    return true;
  }
  return append(out, escaped, {});
}

bool append_decoded_form(std::string& out, std::string_view escaped) {
  urls::encoding_opts form;
  form.space_as_plus = true;
  return append(out, escaped, form);
}

} // namespace callboard
