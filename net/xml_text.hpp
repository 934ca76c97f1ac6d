// Bytes to XML 1.0 text: contents, attributes and names, correct for any input.
#pragma once

#include <string>
#include <string_view>

namespace callboard {

inline constexpr std::string_view xml_declaration =
  R"(<?xml version="1.0" encoding="utf-8"?>)";

/// What XML 1.0 calls white space.
inline constexpr std::string_view xml_blank = " \t\r\n";

/// Appends `text` as the content of an element. `&`, `<`, `>` and the carriage
/// return are escaped; each part that is not UTF-8, and each character that XML
/// cannot hold (most control characters, U+FFFE, U+FFFF), becomes one U+FFFD.
void append_xml_text(std::string& out, std::string_view text);

/// The same for the inside of an attribute in double quotes: these, tabs and
/// line feeds are escaped too, so that a reader gets them back.
void append_xml_attribute(std::string& out, std::string_view text);

/// Content that a reader must give back even if it is nothing but white space,
/// which readers drop: then its first character is escaped.
void append_xml_value(std::string& out, std::string_view text);

/// `<name>text</name>`, or `<name />` if there is no text. The name is written
/// as it is.
void append_xml_element(std::string& out, std::string_view name,
                        std::string_view text);

/// Appends `name` as the name of an element or attribute, as .NET's
/// `XmlConvert.EncodeLocalName` does: what cannot stand there (a colon too, so
/// that there are no namespaces in it) becomes `_xHHHH_`, and an underscore
/// that looks like the begin of that becomes `_x005F_`. No name at all is
/// written `_x_`, and `xmlns` is escaped too: it would mean something.
void append_xml_name(std::string& out, std::string_view name);

/// The name that was escaped so.
std::string decode_xml_name(std::string_view name);

/// Whether XML 1.0 can hold this character.
bool is_xml_character(char32_t c) noexcept;

} // namespace callboard
