// The names of streams that belong to other streams.
#pragma once

#include <string>
#include <string_view>

namespace callboard {

/// `$$S`: what is known of S, as events.
std::string metadata_stream(std::string_view stream);

/// `$persistentsubscription-S::G-parked`.
std::string parked_stream(std::string_view stream, std::string_view group);

/// The stream whose partition this one lies in: S for `$$S` and for the streams
/// of S's groups, else the stream itself. S and G are split at the *first*
/// `::`, here and nowhere else, so all that belongs to a group lies together:
/// for an S that itself holds `::` that would be another partition than S's,
/// which is why such an S is placed by what precedes its first `::` too.
std::string_view home_stream(std::string_view stream) noexcept;

} // namespace callboard
