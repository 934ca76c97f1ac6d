// The names of streams that belong to other streams.
#pragma once

#include "actors/core/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace callboard {

/// Stands for all events of the node where a stream's name is asked for.
inline constexpr std::string_view all_stream = "$all";

/// What happens to groups that somebody may want to act on, as events.
inline constexpr std::string_view events_stream = "$callboard-events";

/// `$$S`: what is known of S, as events.
std::string metadata_stream(std::string_view stream);

/// `$persistentsubscription-S::G-parked`.
std::string parked_stream(std::string_view stream, std::string_view group);

/// `$persistentsubscription-S::G-kept`: copies of what is parked, under the
/// numbers of the parked stream.
std::string kept_stream(std::string_view stream, std::string_view group);

/// `$persistentsubscription-S::G-checkpoint`: how far a group is, as an event.
std::string checkpoint_stream(std::string_view stream, std::string_view group);

/// S and G of such a name; nothing for other names.
std::optional<std::pair<std::string_view, std::string_view>>
checkpointed_group(std::string_view stream) noexcept;

/// Whether it is one of these three: only the broker writes to them.
bool belongs_to_group(std::string_view stream) noexcept;

/// Whether it is the first, or the second, of the three.
bool is_parked_stream(std::string_view stream) noexcept;
bool is_kept_stream(std::string_view stream) noexcept;

/// The stream whose partition this one lies in: S for `$$S` and for the streams
/// of S's groups, else the stream itself. S and G are split at the *first*
/// `::`, here and nowhere else, so all that belongs to a group lies together:
/// for an S that itself holds `::` that would be another partition than S's,
/// which is why such an S is placed by what precedes its first `::` too.
std::string_view home_stream(std::string_view stream) noexcept;

/// A name that says in which partition it lies: `T@2` (topics.hpp).
struct marked_name {
  std::string_view name; // T
  std::uint64_t partition = 0;
};

/// Takes `T@p` apart: p is decimal, without leading zeros and less than
/// `partitions`. Nothing for other names.
std::optional<marked_name> read_mark(std::string_view name,
                                     std::size_t partitions) noexcept;

/// `N@stream` as a number and a name; nothing if it is not that.
std::optional<std::pair<event_number, std::string>>
parse_link(std::string_view text);

} // namespace callboard
