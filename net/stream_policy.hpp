// What the metadata of a stream says.
#pragma once

#include "actors/core/record.hpp"
#include "net/refusal.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// What the newest event of a metadata stream says (spec 6.9). What is not JSON
/// as readers of the event are shown it says nothing. Refuses JSON that is no
/// object, or has a member of ours with a value that is not allowed: who sees
/// an ACL in the document may rely on it.
accepted<stream_policy> parse_stream_policy(const new_event& e);

/// The same document, one that `parse_stream_policy` took, without its `$tb`.
std::string without_cut(std::string_view metadata);

} // namespace callboard
