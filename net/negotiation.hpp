// Which codec a request body has and an answer gets: pure functions.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace callboard {

/// A codec that a route takes or offers. The text is static.
struct media_type {
  std::string_view content_type; // "application/json; charset=utf-8"

  /// "application/json"
  constexpr std::string_view name() const noexcept {
    return content_type.substr(0, content_type.find(';'));
  }

  constexpr bool is_xml() const noexcept { return name().ends_with("xml"); }

  constexpr bool is_json() const noexcept { return name().ends_with("json"); }

  friend bool operator==(const media_type&, const media_type&) = default;
};

/// Those of the Event Store dialect. A route lists what it takes and offers in
/// order; the first one is the default.
namespace media {
inline constexpr media_type json{"application/json; charset=utf-8"};
inline constexpr media_type xml{"application/xml; charset=utf-8"};
inline constexpr media_type text_xml{"text/xml; charset=utf-8"};
inline constexpr media_type text{"text/plain; charset=utf-8"};
inline constexpr media_type html{"text/html; charset=utf-8"};
inline constexpr media_type atom_xml{"application/atom+xml; charset=utf-8"};
inline constexpr media_type atom_service_xml{
  "application/atomsvc+xml; charset=utf-8"};
inline constexpr media_type problem_json{
  "application/problem+json; charset=utf-8"};
inline constexpr media_type es_atom_json{
  "application/vnd.eventstore.atom+json; charset=utf-8"};
inline constexpr media_type k_atom_json{
  "application/vnd.kurrent.atom+json; charset=utf-8"};
inline constexpr media_type es_atom_service_json{
  "application/vnd.eventstore.atomsvc+json; charset=utf-8"};
inline constexpr media_type k_atom_service_json{
  "application/vnd.kurrent.atomsvc+json; charset=utf-8"};
inline constexpr media_type es_description_json{
  "application/vnd.eventstore.streamdesc+json; charset=utf-8"};
inline constexpr media_type k_description_json{
  "application/vnd.kurrent.streamdesc+json; charset=utf-8"};
inline constexpr media_type es_competing_xml{
  "application/vnd.eventstore.competingatom+xml; charset=utf-8"};
inline constexpr media_type es_competing_json{
  "application/vnd.eventstore.competingatom+json; charset=utf-8"};
inline constexpr media_type k_competing_json{
  "application/vnd.kurrent.competingatom+json; charset=utf-8"};
inline constexpr media_type es_event_json{
  "application/vnd.eventstore.event+json; charset=utf-8"};
inline constexpr media_type k_event_json{
  "application/vnd.kurrent.event+json; charset=utf-8"};
inline constexpr media_type es_event_xml{
  "application/vnd.eventstore.event+xml; charset=utf-8"};
inline constexpr media_type es_events_json{
  "application/vnd.eventstore.events+json; charset=utf-8"};
inline constexpr media_type k_events_json{
  "application/vnd.kurrent.events+json; charset=utf-8"};
inline constexpr media_type es_events_xml{
  "application/vnd.eventstore.events+xml; charset=utf-8"};
/// Bytes have no charset.
inline constexpr media_type octet_stream{"application/octet-stream"};
/// For texts that name a cause (spec 0.8): without a charset.
inline constexpr std::string_view bare_text = "text/plain";
} // namespace media

/// The type that a `Content-Type` names exactly, case included; a charset must
/// be utf-8 in any case (spec 0.3). Null: none, answer 415.
const media_type*
choose_request_type(std::optional<std::string_view> content_type,
                    std::span<const media_type> known) noexcept;

/// The type for the answer, by `format=` if it is there, else by `Accept`: for
/// each accepted range, highest q first and in the order of the header, the
/// first offered type that suits. Neither: the first offered (spec 0.4). Null:
/// none, answer 406.
const media_type* choose_response_type(std::optional<std::string_view> accept,
                                       std::optional<std::string_view> format,
                                       std::span<const media_type> offered);

} // namespace callboard
