// What is scheduled, as bytes: in the pieces and in the body of its message.
#pragma once

#include "actors/core/delayed_requests.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// What the message of something scheduled says of itself.
struct scheduled_body {
  uuid id;                  // of the event, the schedule, or the job
  std::uint32_t pieces = 0; // that hold the rest
  std::uint64_t fired = 0;  // recurring: events so far
  delayed_id moved_by{};    // the job that moved it last
};

std::string pack(const scheduled_body& body);
std::optional<scheduled_body> unpack_body(std::string_view bytes);

/// What lies in the pieces: an event, and the rule of a schedule.
struct scheduled_event {
  new_event event;
  std::optional<recurrence> rule;
};

std::string pack(const scheduled_event& what);
std::optional<scheduled_event> unpack_event(std::string_view bytes);

/// The work of a job, in one piece that each step replaces. What was scheduled
/// after its message stays as it is.
struct bulk_job {
  bulk_command what{};
  wall_time move_to{}; // due, as stored
  wall_time to_due{};  // the end of the filter, as stored
  wall_time due{};     // (due, id): all up to here was looked at
  delayed_id id{};
  bulk_progress progress{};
};

/// Whether it moves retries, which their groups do; else what is scheduled.
bool moves_retries(const bulk_command& what) noexcept;

/// When a message that was due then is due by the job: after a shift not before
/// now, and in `most` at the latest.
wall_time new_due(const bulk_job& job, wall_time due, wall_time now,
                  std::chrono::milliseconds most);

std::string pack(const bulk_job& job);
std::optional<bulk_job> unpack_job(std::string_view bytes);

/// Bytes in pieces of `limits::scheduled_piece_bytes`; at least one.
std::vector<std::string> in_pieces(std::string_view bytes);

/// When that is by the wall clock, which shows `wall`.
wall_time wall_due(const due_time& when, wall_time wall) noexcept;

/// When a message is due by the wall clock: as it was asked for (the subject of
/// what is scheduled), or `computed` from the two clocks, if somebody has set
/// one since.
wall_time shown_due(const delayed_message& what, wall_time computed) noexcept;

/// Whether the filter lets this one through, its bounds of time aside.
bool passes(const delayed_filter& filter, const delayed_message& what) noexcept;

} // namespace callboard
