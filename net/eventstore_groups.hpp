// What is told of groups: answers to commands, info, lists (spec 1.2, 3.6).
#pragma once

#include "actors/core/requests.hpp"

#include <string>
#include <string_view>

namespace callboard {

// Each answer as JSON, and as XML (spec 3.7): the same members, their names
// with a capital first letter.

/// The answer to a command (spec 1.2); `result` is a name such as `Success`.
std::string envelope_json(std::string_view result, std::string_view reason);
std::string envelope_xml(std::string_view result, std::string_view reason);

/// One group (spec 3.6), our own members last.
std::string info_json(std::string_view base, const group_info& info);
std::string info_xml(std::string_view base, const group_info& info);

/// The groups as an array of summaries, in the order given.
std::string summaries_json(std::string_view base, const group_infos& infos);
std::string summaries_xml(std::string_view base, const group_infos& infos);

/// A page of all groups (spec 1.7): `count` streams from the `offset`th on,
/// with all their groups. `infos` in the order of `sort_groups`.
std::string summaries_page_json(std::string_view base, const group_infos& infos,
                                std::size_t offset, std::size_t count);
std::string summaries_page_xml(std::string_view base, const group_infos& infos,
                               std::size_t offset, std::size_t count);

/// By stream name, then as they were created.
void sort_groups(group_infos& infos);

/// The flags of spec 5.1 by name.
std::string status_of(const group_info& info);

} // namespace callboard
