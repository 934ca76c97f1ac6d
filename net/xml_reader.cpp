// pugixml reads what `check_xml` let through; its only home.
#include "net/xml_reader.hpp"

#include "net/json_layout.hpp"
#include "net/json_text.hpp"
#include "net/xml_check.hpp"
#include "net/xml_text.hpp"

#include <pugixml.hpp>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <vector>

namespace callboard {

namespace {

constexpr std::string_view json_net_namespace =
  "http://james.newtonking.com/projects/json";
constexpr std::string_view array_mark = "json:Array"; // by the usual prefix

bool is_text(pugi::xml_node node) {
  return node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata;
}

/// Attributes that are for Json.NET itself, and no part of the data.
bool is_instruction(pugi::xml_attribute attribute) {
  std::string_view name = attribute.name();
  return name == array_mark
         || (name.starts_with("xmlns:")
             && attribute.value() == json_net_namespace);
}

bool is_marked_array(pugi::xml_node node) {
  auto mark = node.attribute(array_mark.data());
  return mark.value() == std::string_view{"true"};
}

/// The children of one element that have one name, or the pieces of its text.
struct member {
  std::string name;
  bool is_array = false;
  std::vector<pugi::xml_node> elements{};
  std::vector<std::string> texts{};
};

class converter {
public:
  converter(std::string_view source, std::string& out)
      : source_(source), out_(out) {}

  /// False: something is not well-formed that the parser let through.
  bool value(pugi::xml_node node) {
    auto attributes = node.attributes();
    auto plain = std::all_of(attributes.begin(), attributes.end(),
                             [](auto& a) { return is_instruction(a); });
    auto children = node.children();
    if (plain && std::all_of(children.begin(), children.end(), is_text)) {
      if (is_null(node))
        out_ += "null";
      else
        append_json_string(out_, text_of(node.first_child()));
      return true;
    }
    return object(node);
  }

  bool array(pugi::xml_node parent) {
    out_ += '[';
    for (auto node : parent.children())
      if (!is_text(node)) {
        comma('[');
        if (!value(node))
          return false;
      }
    out_ += ']';
    return true;
  }

private:
  /// `<a />`, as it was written; `<a></a>` is an empty text.
  bool is_null(pugi::xml_node node) const {
    if (node.first_child() || node.first_attribute())
      return false;
    auto behind = static_cast<std::size_t>(node.offset_debug())
                  + std::string_view{node.name()}.size();
    auto next = source_.find_first_not_of(" \t\r\n", behind);
    return next != std::string_view::npos && source_[next] == '/';
  }

  /// The text from `node` up to the next element.
  static std::string text_of(pugi::xml_node node) {
    std::string out;
    for (; node && is_text(node); node = node.next_sibling())
      out += node.value();
    return out;
  }

  void comma(char begin) {
    if (out_.back() != begin)
      out_ += ',';
  }

  void name(std::string_view text) {
    comma('{');
    append_json_string(out_, text);
    out_ += ':';
  }

  bool object(pugi::xml_node node) {
    out_ += '{';
    std::set<std::string_view> seen;
    for (auto attribute : node.attributes()) {
      if (!seen.insert(attribute.name()).second)
        return false;
      if (is_instruction(attribute))
        continue;
      name('@' + decode_xml_name(attribute.name()));
      append_json_string(out_, attribute.value());
    }
    for (auto& m : members_of(node))
      if (!write(m))
        return false;
    out_ += '}';
    return true;
  }

  static std::vector<member> members_of(pugi::xml_node node) {
    std::vector<member> out;
    std::unordered_map<std::string, std::size_t> places;
    auto place = [&](std::string called) -> member& {
      auto [found, added] = places.try_emplace(called, out.size());
      if (added)
        out.push_back({std::move(called)});
      return out[found->second];
    };
    bool in_text = false;
    for (auto child : node.children()) {
      if (is_text(child) && !in_text)
        place("#text").texts.push_back(text_of(child));
      in_text = is_text(child);
      if (in_text)
        continue;
      auto& m = place(decode_xml_name(child.name()));
      m.elements.push_back(child);
      m.is_array =
        m.is_array || m.elements.size() > 1 || is_marked_array(child);
    }
    return out;
  }

  bool write(const member& m) {
    name(m.name);
    auto array = m.is_array || m.texts.size() + m.elements.size() > 1;
    if (array)
      out_ += '[';
    for (auto& text : m.texts) {
      comma(array ? '[' : ':');
      append_json_string(out_, text);
    }
    for (auto element : m.elements) {
      comma(array ? '[' : ':');
      if (!value(element))
        return false;
    }
    if (array)
      out_ += ']';
    return true;
  }

  std::string_view source_;
  std::string& out_;
};

template <class Convert>
result<std::string> read(std::string_view text, Convert convert) {
  text = without_byte_order_mark(text);
  if (auto failed = check_xml(text); failed != errc::none)
    return failed;
  pugi::xml_document document;
  if (!document.load_buffer(text.data(), text.size(), pugi::parse_default,
                            pugi::encoding_utf8))
    return errc::invalid_argument;
  std::string out;
  if (!convert(converter{text, out}, document.document_element()))
    return errc::invalid_argument;
  return out;
}

} // namespace

result<std::string> xml_to_json(std::string_view text) {
  return read(text,
              [](converter to, pugi::xml_node root) { return to.value(root); });
}

result<std::string> xml_children_to_json(std::string_view text) {
  return read(text,
              [](converter to, pugi::xml_node root) { return to.array(root); });
}

} // namespace callboard
