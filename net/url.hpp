// Percent escapes, both ways.
#pragma once

#include <string>
#include <string_view>

namespace callboard {

/// Escapes a name for one segment of a path by RFC 3986: everything except
/// letters, digits and `- . _ ~` becomes `%XX`, upper case, over UTF-8.
std::string escape_segment(std::string_view name);
void append_segment(std::string& out, std::string_view name);

/// Escapes only what cannot stand in a segment of a URL: spaces, controls, non
/// ASCII, and `" < > \ ^ ` { | } % / ? #`. For the `Location` of group create
/// and update, where `$` stays `$` (spec 0.7).
std::string escape_lightly(std::string_view name);

/// Appends the decoded form. False for a broken escape; `out` is then not
/// useful.
bool append_decoded(std::string& out, std::string_view escaped);

/// The same, for a query: `+` is a space.
bool append_decoded_form(std::string& out, std::string_view escaped);

} // namespace callboard
