// A scan from one `<` to the next.
#include "net/xml_check.hpp"

#include "net/utf8.hpp"
#include "net/xml_reader.hpp"
#include "net/xml_text.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace callboard {

namespace {

bool holds_only_characters(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size())
         && std::none_of(
           text.begin(), text.end(),
           [](unsigned char c) { return c < 0x20 && !is_xml_character(c); })
         && text.find("\xEF\xBF\xBE") == std::string_view::npos
         && text.find("\xEF\xBF\xBF") == std::string_view::npos;
}

/// What stands between `&` and `;`.
bool is_reference(std::string_view name) {
  constexpr std::array<std::string_view, 5> entities{"amp", "lt", "gt", "quot",
                                                     "apos"};
  if (!name.starts_with('#'))
    return std::find(entities.begin(), entities.end(), name) != entities.end();
  name.remove_prefix(1);
  auto base = name.starts_with('x') ? 16 : 10;
  if (base == 16)
    name.remove_prefix(1);
  std::uint32_t code = 0;
  auto end = name.data() + name.size();
  auto [stop, failed] = std::from_chars(name.data(), end, code, base);
  return !name.empty() && failed == std::errc{} && stop == end
         && is_xml_character(code);
}

bool has_only_references(std::string_view text) {
  for (auto at = text.find('&'); at != std::string_view::npos;
       at = text.find('&', at + 1)) {
    auto name = text.substr(at + 1, text.find(';', at) - at - 1);
    if (text.find(';', at) == std::string_view::npos || !is_reference(name))
      return false;
  }
  return true;
}

class scan {
public:
  explicit scan(std::string_view text) : rest_(text) {}

  errc run() {
    while (!rest_.empty()) {
      auto open = rest_.find('<');
      if (!content(rest_.substr(0, open)))
        return errc::invalid_argument;
      if (open == std::string_view::npos)
        break;
      rest_.remove_prefix(open);
      if (!markup())
        return errc::invalid_argument;
      if (items_ > xml_items_max)
        return errc::too_large;
    }
    return has_root_ && depth_ == 0 ? errc::none : errc::invalid_argument;
  }

private:
  bool content(std::string_view text) const {
    return depth_ == 0
             ? text.find_first_not_of(xml_blank) == std::string_view::npos
             : has_only_references(text);
  }

  bool markup() {
    if (rest_.starts_with("<!--"))
      return skip_to("-->", 4);
    if (rest_.starts_with("<?"))
      return skip_to("?>", 2);
    if (rest_.starts_with("<![CDATA["))
      return depth_ > 0 && skip_to("]]>", 9);
    if (rest_.starts_with("<!"))
      return false;
    if (!rest_.starts_with("</"))
      return first_tag();
    if (depth_ == 0)
      return false;
    --depth_;
    return skip_to(">", 2);
  }

  bool skip_to(std::string_view close, std::size_t from) {
    auto at = rest_.find(close, from);
    if (at == std::string_view::npos)
      return false;
    rest_.remove_prefix(at + close.size());
    return true;
  }

  bool first_tag() {
    if (depth_ == 0 && has_root_)
      return false;
    has_root_ = true;
    ++items_;
    std::size_t at = 1;
    for (;;) {
      at = rest_.find_first_of("\"'>", at);
      if (at == std::string_view::npos)
        return false;
      if (rest_[at] == '>')
        break;
      auto close = rest_.find(rest_[at], at + 1);
      if (close == std::string_view::npos)
        return false;
      auto value = rest_.substr(at + 1, close - at - 1);
      if (value.find('<') != std::string_view::npos
          || !has_only_references(value))
        return false;
      ++items_;
      at = close + 1;
    }
    if (rest_[at - 1] != '/')
      ++depth_;
    rest_.remove_prefix(at + 1);
    return depth_ <= xml_depth_max;
  }

  std::string_view rest_;
  std::size_t depth_ = 0;
  std::size_t items_ = 0;
  bool has_root_ = false;
};

} // namespace

errc check_xml(std::string_view text) {
  return holds_only_characters(text) ? scan{text}.run()
                                     : errc::invalid_argument;
}

} // namespace callboard
