// Where a consumer group stands in the streams of one partition.
#pragma once

#include "actors/core/record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// One registration of a consumer: whoever registers anew, even under the same
/// name, is another reader and knows nothing of what was handed to the old one.
using reader_id = strong_id<struct reader_tag>;

/// No event has this number: a poll waits at it where nothing will ever come,
/// that is, until its time is over.
inline constexpr event_number no_event{UINT64_MAX};

/// Counts the changes of a group's members: later assignments have more.
using member_epoch = strong_id<struct epoch_tag>;

/// The positions of one consumer group in one partition, a stream each.
///
///     position ──hand out──> handed out, to one reader
///        ^                      │ the same reader polls, commits: position
///        │                      │   moves behind what it was handed
///        └── another one polls ─┘   (it is handed out again)
///
/// So a position never goes back, what is behind it was processed by whoever
/// polled on, and at most what was handed out last is delivered again.
/// A commit changes the state at once and says what to record; if that cannot
/// be recorded the shell drops this whole object. What is handed out is only
/// in memory: after a restart it is handed out again.
/// A call costs what concerns its reader, however many streams the group knows.
/// Deterministic: no I/O, no clock, no threads; its actor serialises calls.
class reader_positions {
public:
  explicit reader_positions(std::string group) : group_(std::move(group)) {}

  /// Takes a stored row.
  void load(std::string stream, event_number next);

  bool knows(std::string_view stream) const;

  std::size_t size() const noexcept { return streams_.size(); }

  /// Begins to read a stream that is not known yet at `from`.
  change open(const std::string& stream, event_number from);

  /// False: a later assignment was seen already, so this reader may have lost
  /// its streams.
  bool admit(member_epoch epoch);

  /// What the reader was handed last is processed, wherever nobody else was
  /// handed it since: the positions move.
  std::vector<change> commit(reader_id reader);

  /// Where the reader is to read on; what another one was handed last comes
  /// again. The stream must be known.
  event_number begin(const std::string& stream, reader_id reader);

  /// Whether nobody else has begun there since this reader did, and it did not
  /// give back what it was handed. The stream must be known.
  bool reads(std::string_view stream, reader_id reader) const;

  /// The reader was handed everything before `end`, which is not before what
  /// `begin` said; no call but for other streams may be in between.
  void hand_out(const std::string& stream, reader_id reader, event_number end);

  /// The reader will not commit what it was handed: it comes again.
  void forget(reader_id reader);

  /// The committed position; 0 for a stream that is not known.
  event_number committed(std::string_view stream) const;

private:
  struct position {
    event_number next;       // committed
    event_number handed_end; // not before `next`
    reader_id reader;        // who was handed what lies between
  };

  using handed_streams = std::map<reader_id, std::set<std::string>>;

  void take_from(handed_streams::iterator reader, const std::string& stream);

  std::string group_;
  std::map<std::string, position, std::less<>> streams_;
  handed_streams handed_; // where something lies in between; no empty sets
  member_epoch epoch_;
};

} // namespace callboard
