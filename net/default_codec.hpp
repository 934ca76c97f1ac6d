// Answers of routes that offer JSON and XML alike: the dialect's default set.
#pragma once

#include "net/http.hpp"
#include "net/negotiation.hpp"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <string_view>

namespace callboard {

/// Spec 0.4, in its order.
inline constexpr std::array default_types{media::json, media::text_xml};

/// A document in the type that was negotiated; as XML it has this root (see
/// `to_xml_document`).
http_answer document_answer(const http_request& request, std::string_view root,
                            const nlohmann::ordered_json& document);

/// A text as a document of the negotiated type, of this set or another one
/// (spec 1.6): a JSON string, or `<string>…</string>`.
http_answer text_answer(const http_request& request, http_status status,
                        std::string_view text);

} // namespace callboard
