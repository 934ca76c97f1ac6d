// A recursive descent over the bytes, which checks and copies in one pass.
#include "net/json_layout.hpp"

#include "net/json_text.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>

namespace callboard {

namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_name(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || c == '_' || c == '$';
}

enum class layout : std::uint8_t { none, compact, indented };

/// One document on its way from `text` to `out`. Each function reads one thing
/// of the grammar and returns false if it is not there; what was appended until
/// then is for the caller to take back.
class scanner {
public:
  scanner(std::string_view text, json_grammar grammar, layout how,
          std::string& out, std::size_t bytes_max, std::size_t depth_max)
      : at_(text.data()), end_(text.data() + text.size()),
        lenient_(grammar == json_grammar::lenient), how_(how), out_(out),
        begin_size_(out.size()), bytes_max_(bytes_max), depth_max_(depth_max) {}

  errc document() {
    auto whole = skip() && value(0) && skip() && at_ == end_;
    if (too_large_ || (whole && out_.size() - begin_size_ > bytes_max_))
      return errc::too_large;
    return whole ? errc::none : errc::invalid_argument;
  }

private:
  char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }

  bool take(char c) noexcept {
    if (at_ == end_ || *at_ != c)
      return false;
    ++at_;
    return true;
  }

  void put(char c) {
    if (how_ != layout::none)
      out_ += c;
  }

  void put(const char* from, const char* to) {
    if (how_ != layout::none)
      out_.append(from, to);
  }

  /// White space and, if lenient, comments. False: a comment does not end.
  bool skip() {
    for (;;) {
      while (at_ != end_ && is_space(*at_))
        ++at_;
      if (!lenient_ || peek() != '/')
        return true;
      if (!skip_comment())
        return false;
    }
  }

  bool skip_comment() {
    std::string_view rest{at_, static_cast<std::size_t>(end_ - at_)};
    auto block = rest.starts_with("/*");
    if (!block && !rest.starts_with("//"))
      return false;
    auto close = rest.find(block ? "*/" : "\n", 2);
    if (close == std::string_view::npos && block)
      return false;
    at_ =
      close == std::string_view::npos ? end_ : at_ + close + (block ? 2 : 1);
    return true;
  }

  bool value(std::size_t depth) {
    switch (peek()) {
      case '{': return container('}', true, depth);
      case '[': return container(']', false, depth);
      case '"': return text();
      case '\'': return lenient_ && quoted_text();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }

  bool container(char close, bool named, std::size_t depth) {
    if (depth == depth_max_)
      return false;
    put(*at_++);
    if (!skip())
      return false;
    if (!take(close)) {
      do {
        if (!line(depth + 1) || (named && !name()) || !value(depth + 1)
            || !skip())
          return false;
      } while (next_element(close));
      if (!take(close) || !line(depth))
        return false;
    }
    put(close);
    return true;
  }

  /// Behind a value: whether another one follows.
  bool next_element(char close) {
    if (!take(',') || !skip())
      return false;
    if (lenient_ && peek() == close)
      return false;
    put(',');
    return true;
  }

  bool line(std::size_t depth) {
    if (how_ != layout::indented)
      return true;
    out_ += '\n';
    out_.append(2 * depth, ' ');
    too_large_ = out_.size() - begin_size_ > bytes_max_;
    return !too_large_;
  }

  bool name() {
    auto ok = peek() == '"'    ? text()
              : !lenient_      ? false
              : peek() == '\'' ? quoted_text()
                               : bare_name();
    if (!ok || !skip() || !take(':'))
      return false;
    put(':');
    if (how_ == layout::indented)
      put(' ');
    return skip();
  }

  bool bare_name() {
    auto begin = at_;
    while (at_ != end_ && is_name(*at_))
      ++at_;
    put('"');
    put(begin, at_);
    put('"');
    return at_ != begin;
  }

  /// A string in double quotes: checked, and copied as it is.
  bool text() {
    auto begin = at_++;
    for (;;) {
      at_ = skip_plain(at_, end_);
      if (at_ == end_)
        return false;
      if (*at_ == '"')
        break;
      if (*at_ != '\\')
        return lenient_ && loose_text(begin);
      if (!escape())
        return false;
    }
    put(begin, ++at_);
    return true;
  }

  /// A backslash and what belongs to it.
  bool escape() {
    constexpr std::string_view single = "\"\\/bfnrt";
    ++at_;
    if (at_ == end_)
      return false;
    if (single.find(*at_) != std::string_view::npos) {
      ++at_;
      return true;
    }
    if (*at_ != 'u' || end_ - at_ < 5 || !std::all_of(at_ + 1, at_ + 5, is_hex))
      return false;
    at_ += 5;
    return true;
  }

  /// A string in double quotes that holds bare control characters.
  bool loose_text(const char* begin) {
    at_ = begin;
    return quoted_text();
  }

  /// A string in single quotes or with control characters, made strict.
  bool quoted_text() {
    auto quote = *at_++;
    put('"');
    while (at_ != end_ && *at_ != quote) {
      if (at_ + 1 < end_ && *at_ == '\\' && at_[1] == '\'') {
        put('\'');
        at_ += 2;
      } else if (*at_ == '\\') {
        auto begin = at_;
        if (!escape())
          return false;
        put(begin, at_);
      } else {
        auto begin = at_;
        while (at_ != end_ && *at_ != quote && *at_ != '\\')
          ++at_;
        if (how_ != layout::none)
          append_escaped(out_, {begin, static_cast<std::size_t>(at_ - begin)});
      }
    }
    put('"');
    return take(quote);
  }

  bool word(std::string_view expected) {
    std::string_view rest{at_, static_cast<std::size_t>(end_ - at_)};
    if (!rest.starts_with(expected))
      return false;
    put(at_, at_ + expected.size());
    at_ += expected.size();
    return true;
  }

  bool digits() {
    auto begin = at_;
    while (at_ != end_ && is_digit(*at_))
      ++at_;
    return at_ != begin;
  }

  bool number() {
    auto begin = at_;
    take('-');
    if (!take('0') && !digits())
      return false;
    if (take('.') && !digits())
      return false;
    if (take('e') || take('E')) {
      if (!take('+'))
        take('-');
      if (!digits())
        return false;
    }
    put(begin, at_);
    return true;
  }

  const char* at_;
  const char* end_;
  bool lenient_;
  layout how_;
  std::string& out_;
  std::size_t begin_size_;
  std::size_t bytes_max_;
  std::size_t depth_max_;
  bool too_large_ = false;
};

errc lay_out(std::string& out, std::string_view text, json_grammar grammar,
             layout how, std::size_t bytes_max,
             std::size_t depth_max = json_depth_max) {
  text = without_byte_order_mark(text);
  if (!simdjson::validate_utf8(text.data(), text.size()))
    return errc::invalid_argument;
  auto before = out.size();
  auto outcome =
    scanner{text, grammar, how, out, bytes_max, depth_max}.document();
  if (outcome != errc::none)
    out.resize(before);
  return outcome;
}

} // namespace

std::string_view without_byte_order_mark(std::string_view text) noexcept {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (text.starts_with(mark))
    text.remove_prefix(mark.size());
  return text;
}

bool is_json(std::string_view text) {
  std::string nothing;
  return lay_out(nothing, text, json_grammar::strict, layout::none, SIZE_MAX)
         == errc::none;
}

char first_of_json(std::string_view text) noexcept {
  text = without_byte_order_mark(text);
  auto first = std::find_if_not(text.begin(), text.end(), is_space);
  return first == text.end() ? '\0' : *first;
}

std::size_t json_depth(std::string_view text) noexcept {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    switch (text[i]) {
      case '{':
      case '[': deepest = std::max(deepest, ++depth); break;
      case '}':
      case ']': depth -= depth > 0; break;
      case '"':
      case '\'': // a string, which may be in single quotes (lenient)
        for (auto quote = text[i++]; i < text.size() && text[i] != quote; ++i)
          i += text[i] == '\\';
        break;
      default: break;
    }
  return deepest;
}

errc append_indented(std::string& out, std::string_view text,
                     std::size_t bytes_max, json_grammar grammar,
                     std::size_t depth_max) {
  return lay_out(out, text, grammar, layout::indented, bytes_max, depth_max);
}

std::optional<std::string> to_strict_json(std::string_view text) {
  std::string out;
  if (lay_out(out, text, json_grammar::lenient, layout::compact, SIZE_MAX)
      != errc::none)
    return std::nullopt;
  return out;
}

} // namespace callboard
