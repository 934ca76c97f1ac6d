// Fields one after the other.
#include "actors/core/scheduled.hpp"

#include "actors/core/bytes.hpp"
#include "actors/core/limits.hpp"

#include <algorithm>

namespace callboard {

namespace {

/// Whoever reads what a later version wrote says that it cannot.
constexpr std::uint64_t pack_version = 1;

} // namespace

std::string pack(const scheduled_body& body) {
  std::string bytes;
  byte_writer out{bytes};
  out.id(body.id);
  out.varint(body.pieces);
  out.varint(body.fired);
  out.varint(body.moved_by.value);
  return bytes;
}

std::optional<scheduled_body> unpack_body(std::string_view bytes) {
  byte_reader in{bytes};
  scheduled_body out;
  out.id = in.id();
  out.pieces = std::uint32_t(in.varint());
  out.fired = in.varint();
  out.moved_by = {in.varint()};
  return in.good() && in.at_end() ? std::optional{out} : std::nullopt;
}

std::string pack(const scheduled_event& what) {
  std::string bytes;
  byte_writer out{bytes};
  out.varint(pack_version);
  out.id(what.event.id);
  out.text(what.event.type);
  out.text(what.event.data);
  out.text(what.event.metadata);
  out.varint(what.event.is_json ? 1 : 0);
  out.varint(what.event.give_up_at.value);
  out.varint(what.rule ? 1 : 0);
  if (auto& rule = what.rule) {
    out.varint(rule->every_ms);
    out.text(rule->cron);
    out.text(rule->zone);
    out.varint(std::uint64_t(rule->missed));
    out.varint(rule->from.value);
    out.varint(rule->until.value);
    out.varint(rule->count);
  }
  return bytes;
}

std::optional<scheduled_event> unpack_event(std::string_view bytes) {
  byte_reader in{bytes};
  if (in.varint() != pack_version)
    return std::nullopt;
  scheduled_event out;
  out.event.id = in.id();
  out.event.type = in.text();
  out.event.data = in.text();
  out.event.metadata = in.text();
  out.event.is_json = in.varint() != 0;
  out.event.give_up_at = {in.varint()};
  if (in.varint() != 0) {
    auto& rule = out.rule.emplace();
    rule.every_ms = in.varint();
    rule.cron = in.text();
    rule.zone = in.text();
    rule.missed = catch_up(std::min<std::uint64_t>(in.varint(), 2));
    rule.from = {in.varint()};
    rule.until = {in.varint()};
    rule.count = in.varint();
  }
  return in.good() && in.at_end() ? std::optional{std::move(out)}
                                  : std::nullopt;
}

bool moves_retries(const bulk_command& what) noexcept {
  auto& kinds = what.filter.kinds;
  return what.verb != bulk_verb::cancel && !kinds.empty()
         && std::all_of(kinds.begin(), kinds.end(), [](auto kind) {
              return kind == delayed_kind::retry_due;
            });
}

wall_time new_due(const bulk_job& job, wall_time due, wall_time now,
                  std::chrono::milliseconds most) {
  if (job.what.verb == bulk_verb::move)
    return job.move_to;
  auto at = std::int64_t(due.value) + job.what.shift_ms;
  auto first = std::int64_t(now.value);
  return {std::uint64_t(std::clamp(at, first, first + most.count()))};
}

std::string pack(const bulk_job& job) {
  std::string bytes;
  byte_writer out{bytes};
  auto& filter = job.what.filter;
  out.varint(pack_version);
  out.id(job.what.id);
  out.varint(std::uint64_t(job.what.verb));
  out.varint(filter.kinds.size());
  for (auto kind : filter.kinds)
    out.varint(std::uint64_t(kind));
  out.text(filter.stream);
  out.text(filter.group);
  out.varint(std::uint64_t(job.what.shift_ms));
  out.varint(job.move_to.value);
  out.varint(job.to_due.value);
  out.varint(job.due.value);
  out.varint(job.id.value);
  out.varint(job.progress.looked_at);
  out.varint(job.progress.changed);
  out.varint(job.progress.done ? 1 : 0);
  return bytes;
}

std::optional<bulk_job> unpack_job(std::string_view bytes) {
  byte_reader in{bytes};
  if (in.varint() != pack_version)
    return std::nullopt;
  bulk_job out;
  out.what.id = in.id();
  out.what.verb = bulk_verb(std::min<std::uint64_t>(in.varint(), 2));
  for (auto left = in.varint(); left > 0 && in.good(); --left)
    out.what.filter.kinds.push_back(delayed_kind(in.varint()));
  out.what.filter.stream = in.text();
  out.what.filter.group = in.text();
  out.what.shift_ms = std::int64_t(in.varint());
  out.move_to = {in.varint()};
  out.to_due = {in.varint()};
  out.due = {in.varint()};
  out.id = {in.varint()};
  out.progress.verb = out.what.verb;
  out.progress.looked_at = in.varint();
  out.progress.changed = in.varint();
  out.progress.done = in.varint() != 0;
  return in.good() && in.at_end() ? std::optional{std::move(out)}
                                  : std::nullopt;
}

std::vector<std::string> in_pieces(std::string_view bytes) {
  std::vector<std::string> out;
  do {
    out.emplace_back(bytes.substr(0, limits::scheduled_piece_bytes));
    bytes.remove_prefix(out.back().size());
  } while (!bytes.empty());
  return out;
}

wall_time wall_due(const due_time& when, wall_time wall) noexcept {
  if (when.in)
    return wall + std::uint64_t(std::max<std::int64_t>(when.in->count(), 0));
  return std::max(when.at, wall);
}

wall_time shown_due(const delayed_message& what, wall_time computed) noexcept {
  // Each clock counts whole milliseconds of its own: they differ by one or two.
  constexpr std::uint64_t apart_max = 1000;
  auto asked = what.subject;
  auto is_scheduled =
    what.kind == delayed_kind::publish || what.kind == delayed_kind::recurring;
  bool near =
    asked <= computed.value + apart_max && computed.value <= asked + apart_max;
  return is_scheduled && near ? wall_time{asked} : computed;
}

bool passes(const delayed_filter& filter,
            const delayed_message& what) noexcept {
  return (filter.kinds.empty()
          || std::find(filter.kinds.begin(), filter.kinds.end(), what.kind)
               != filter.kinds.end())
         && (filter.stream.empty() || filter.stream == what.stream)
         && (filter.group.empty() || filter.group == what.group);
}

} // namespace callboard
