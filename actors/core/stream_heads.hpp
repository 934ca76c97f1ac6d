// Numbers for events, expected versions, repeated ids: a partition's decider.
#pragma once

#include "actors/core/recent_ids.hpp"
#include "actors/core/requests.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace callboard {

/// Decides appends and deletes of one partition (spec 6.1, 6.10). A stream's
/// head must be in memory before it is decided about: the shell loads what
/// `needs` names.
///
///     (absent) --append--> live --soft delete--> soft_deleted --append--> live
///                           `------hard delete--> tombstoned (for ever)
///
/// Metadata whose `$tb` is `truncate_all` are a soft delete too. A hard one is
/// also that of `$$S`. Only what a group writes itself brings its streams back
/// from that: earlier versions let clients delete them for ever.
///
/// A decision changes the heads at once, so the next one is made on top of it;
/// if its record cannot be recorded the shell drops this whole object.
/// Deterministic: no I/O, no clock, no threads; its actor serialises calls.
class stream_heads {
public:
  /// `highest_used`: the highest stream id that any row ever had.
  explicit stream_heads(stream_id highest_used) : last_id_(highest_used) {}

  bool knows(std::string_view name) const;

  /// Takes a stored row, or that there is none.
  void load(std::string name, std::optional<stream_row> row);

  /// Takes an id of the log's tail, oldest first, at recovery. No client's
  /// event has the id zero.
  void remember(const uuid& id, stream_id stream, event_number number) {
    if (!id.is_zero())
      recent_.add(id, stream, number);
  }

  /// Whether it has less kept, and takes little itself: only metadata with a
  /// bound do. It goes on when publishing has stopped.
  static bool makes_room(const append_request& request) noexcept;

  /// The streams whose heads an append looks at.
  std::vector<std::string> needs(const append_request& request) const;

  /// What was decided. An empty record with no error: it is a repeat.
  /// `compare_stored`: the ids of the stored events from `compare_from` on
  /// decide, and some of them are older than what is remembered: read them and
  /// call `append_checked`; nothing has been changed.
  struct decision {
    append_reply reply;
    record what;
    bool compare_stored = false;
    event_number compare_from;
  };

  /// Moves the events out of the request, unless `compare_stored`.
  decision append(append_request& request, wall_time wall);

  /// The same with the stored events at hand.
  decision append_checked(append_request& request,
                          const std::vector<event_ptr>& stored, wall_time wall);

  /// Needs the heads of S and `$$S`.
  decision remove(const delete_request& request, wall_time wall);

  /// Appends to a group's parked stream without any check, and makes what is
  /// below `cut` invisible. Needs the head of its metadata stream, too, if it
  /// is tombstoned: both come back, empty, and their numbers go on.
  void append_links(const std::string& parked_stream,
                    std::vector<new_event> links,
                    std::optional<event_number> cut, record& into,
                    wall_time wall);

  /// Appends to a group's stream of copies, so that the first one has the
  /// number `first`: a stream that has none yet begins there, else what is
  /// between gets empty copies, and all below `first` becomes invisible: it was
  /// settled. At most `gap_events_max` of them: behind a longer gap the copies
  /// are left out, and the caller comes again. Those that the stream has
  /// already are left out too.
  void append_copies(const std::string& kept_stream, event_number first,
                     std::vector<new_event> copies, record& into,
                     wall_time wall);

  static constexpr std::size_t gap_events_max = 1'000;

  /// Makes events below `first` invisible.
  void cut(const std::string& name, event_number first, record& into);

  /// Whether the stream, whose head is known, got an event with this id lately.
  bool published(const uuid& id, std::string_view name) const;

  /// The head with everything decided so far; null: there is no such stream.
  const stream_row* find(std::string_view name) const;

  std::size_t heads() const noexcept { return heads_.size(); }

  /// Forgets all heads. Only when nothing that was decided is on its way: they
  /// are then read again as they were left.
  void forget_heads() { heads_.clear(); }

private:
  struct hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view name) const noexcept {
      return std::hash<std::string_view>{}(name);
    }
  };

  enum class verdict : std::uint8_t { write, repeated, refused, compare };

  verdict judge(const append_request& request, const stream_row& head,
                const std::vector<event_ptr>* stored,
                append_reply& reply) const;
  verdict judge_known_ids(const append_request& request, const stream_row& head,
                          append_reply& reply) const;
  verdict judge_stored(const append_request& request, const stream_row& head,
                       const std::vector<event_ptr>* stored,
                       append_reply& reply) const;
  decision decide(append_request& request, const std::vector<event_ptr>* stored,
                  wall_time wall);
  bool has_metadata(const std::string& name) const;
  stream_row& make(const std::string& name);
  event_number write(stream_row& head, std::vector<new_event> events,
                     record& into, wall_time wall);
  void obey(const std::string& name, const stream_policy& policy, record& into);
  void revive_metadata(const std::string& name, record& into);

  std::unordered_map<std::string, std::optional<stream_row>, hash,
                     std::equal_to<>>
    heads_;
  stream_id last_id_;
  recent_ids recent_;
};

/// `$tb` of a soft-deleted stream.
inline constexpr std::uint64_t truncate_all = 9'223'372'036'854'775'807U;

} // namespace callboard
