// One pass over text that is known to be JSON, so it is only skipped through.
#include "net/json_xml.hpp"

#include "net/json_layout.hpp"
#include "net/json_text.hpp"
#include "net/utf8.hpp"
#include "net/xml_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>

namespace callboard {

namespace {

/// The UTF-16 unit of a `\uHHHH`; `at` is behind the `u`.
char32_t read_unit(const char* at) {
  std::uint32_t out = 0;
  std::from_chars(at, at + 4, out, 16);
  return out;
}

/// A `\u` escape, or two that make one character; `at` moves behind it.
void append_unicode(std::string& out, const char*& at, const char* end) {
  auto c = read_unit(at);
  at += 4;
  if (!is_surrogate(c))
    return append_utf8(out, c);
  auto is_pair = c < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u';
  auto low = is_pair ? read_unit(at + 2) : 0;
  if (low < 0xDC00 || low > 0xDFFF) {
    out += replacement_character; // half a character
    return;
  }
  at += 6;
  append_utf8(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
}

/// The inside of a JSON string, without its escapes.
std::string unescape(std::string_view text) {
  std::string out;
  auto at = text.data();
  auto end = at + text.size();
  while (at != end) {
    if (*at != '\\') {
      auto run = at;
      at = std::find(at, end, '\\');
      out.append(run, at);
      continue;
    }
    auto c = at[1];
    at += 2;
    switch (c) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': append_unicode(out, at, end); break;
      default: out += c;
    }
  }
  return out;
}

bool ends_token(char c) noexcept {
  return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\t' || c == '\r'
         || c == '\n';
}

class converter {
public:
  converter(std::string_view json, std::string& out, std::size_t bytes_max)
      : at_(json.data()), end_(at_ + json.size()), out_(out),
        begin_size_(out.size()), bytes_max_(bytes_max) {}

  errc convert(const xml_element& element) {
    attributes_ = element.attributes;
    auto done =
      element.array_repeats ? member(element.name) : value(element.name);
    return done ? errc::none : errc::too_large;
  }

private:
  char peek() {
    while (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')
      ++at_;
    return *at_;
  }

  bool take(char c) {
    if (peek() != c)
      return false;
    ++at_;
    return true;
  }

  /// The inside of the string that begins here; without escapes in it, else in
  /// `unescaped`.
  std::string_view text(std::string& unescaped) {
    auto begin = ++at_;
    bool escaped = false;
    while (*(at_ = skip_plain(at_, end_)) != '"') {
      escaped = true;
      at_ += 2; // what is escaped may be a quote
    }
    std::string_view inside{begin, static_cast<std::size_t>(at_++ - begin)};
    if (!escaped)
      return inside;
    unescaped = unescape(inside);
    return unescaped;
  }

  /// A number or a word, as it was written.
  std::string_view token() {
    auto begin = at_;
    while (at_ != end_ && !ends_token(*at_))
      ++at_;
    return {begin, static_cast<std::size_t>(at_ - begin)};
  }

  /// Text, a number or a word; null is nothing.
  std::string_view scalar() {
    if (peek() == '"')
      return text(unescaped_);
    auto out = token();
    return out == "null" ? std::string_view{} : out;
  }

  bool has_room() const { return out_.size() - begin_size_ <= bytes_max_; }

  void begin(std::string_view name) {
    out_ += '<';
    out_ += name;
    if (depth_ == 0)
      out_ += attributes_;
  }

  void end(std::string_view name) {
    out_ += "</";
    out_ += name;
    out_ += '>';
  }

  /// A member, or the document: an array is repeated.
  bool member(std::string_view name) {
    if (peek() != '[')
      return value(name);
    ++at_;
    while (!take(']')) {
      if (!value(name))
        return false;
      take(',');
    }
    return true;
  }

  bool value(std::string_view name) {
    if (!has_room())
      return false;
    begin(name);
    switch (peek()) {
      case '{': return object(name);
      case '[': return array(name);
      case '"': {
        out_ += '>';
        append_xml_value(out_, text(unescaped_));
        end(name);
        return true;
      }
      default: word(name); return true;
    }
  }

  void word(std::string_view name) {
    auto written = token();
    if (written == "null") {
      out_ += " />";
      return;
    }
    out_ += '>';
    out_ += written;
    end(name);
  }

  bool array(std::string_view name) {
    ++at_;
    if (take(']')) {
      out_ += " />";
      return true;
    }
    out_ += '>';
    ++depth_;
    do {
      peek();
      if (!value(name))
        return false;
    } while (take(','));
    --depth_;
    take(']');
    end(name);
    return true;
  }

  /// What belongs into the first tag of an object's element. Attributes that
  /// come behind other members are put there when the object ends.
  struct first_tag {
    std::size_t end = 0; // where attributes go
    bool open = true;    // until something comes into the element
    std::set<std::string> names{};
    std::string late{};
  };

  void close_first(first_tag& tag) {
    if (tag.open)
      out_ += '>';
    tag.open = false;
  }

  bool object(std::string_view name) {
    ++at_;
    ++depth_;
    first_tag tag{out_.size()};
    while (!take('}')) {
      peek();
      std::string unescaped;
      auto key = text(unescaped);
      take(':');
      if (!object_member(key, tag))
        return false;
      take(',');
    }
    --depth_;
    if (tag.open)
      out_ += " />";
    else
      end(name);
    out_.insert(tag.end, tag.late);
    return true;
  }

  bool object_member(std::string_view key, first_tag& tag) {
    auto next = peek();
    auto is_scalar = next != '{' && next != '[';
    if (is_scalar && key.size() > 1 && key.front() == '@'
        && tag.names.emplace(key).second) {
      auto& into = tag.open ? out_ : tag.late;
      into += ' ';
      append_xml_name(into, key.substr(1));
      into += "=\"";
      append_xml_attribute(into, scalar());
      into += '"';
      if (tag.open)
        tag.end = out_.size();
      return has_room();
    }
    close_first(tag);
    if (is_scalar && key == "#text") {
      append_xml_value(out_, scalar());
      return true;
    }
    std::string name;
    append_xml_name(name, key);
    return member(name);
  }

  const char* at_;
  const char* end_;
  std::string& out_;
  std::size_t begin_size_;
  std::size_t bytes_max_;
  std::string_view attributes_;
  std::size_t depth_ = 0;
  std::string unescaped_; // a value
};

} // namespace

errc append_json_as_xml(std::string& out, const xml_element& element,
                        std::string_view text, std::size_t bytes_max) {
  auto before = out.size();
  auto outcome =
    converter{without_byte_order_mark(text), out, bytes_max}.convert(element);
  if (outcome != errc::none || out.size() - before > bytes_max) {
    out.resize(before);
    return errc::too_large;
  }
  return outcome;
}

} // namespace callboard
