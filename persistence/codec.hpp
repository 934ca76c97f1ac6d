// Records as bytes: what a journal entry's body is.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/record.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// The record as bytes: a version, then its parts, integers as LEB128 varints,
/// text with its length in front.
std::string encode(const record& what);

/// The record again. Errors: `unknown_format` for another version, `corrupt`
/// for bytes that `encode` never wrote; reads nothing outside of them and
/// allocates no more than they justify.
result<record> decode(std::string_view bytes);

} // namespace callboard
