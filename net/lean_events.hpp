// Deliveries for people and scripts: one flat JSON object an event, no links.
#pragma once

#include "actors/core/group_requests.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// How much of an event is shown.
enum class lean_embed : std::uint8_t {
  body, // with data and metadata
  none, // without
};

/// Appends one delivery of a group of `stream`:
/// `{"id","lease","stream","number","type","attempt","created","contentType",
/// "data","metadata"}`. JSON data are inline as they were sent; others are
/// base64, and `contentType` says so. `id` is what to settle it by; `stream`
/// and `number` are those of the event behind a link, which then has an
/// `"eventId"` of its own.
void append_lean(std::string& out, std::string_view stream, group_id group,
                 const delivery& what, lean_embed embed);

/// `"contentType": …, "data": …, "metadata": …` of an event; no comma around.
void append_lean_body(std::string& out, const event& what);

/// Bytes that are not JSON, as all views show them.
void append_base64(std::string& out, std::string_view bytes);

} // namespace callboard
