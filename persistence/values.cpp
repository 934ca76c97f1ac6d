// Field by field, in the order of the structs.
#include "persistence/values.hpp"

#include <algorithm>

namespace callboard {

namespace {

void write(byte_writer& out, const stream_policy& policy) {
  out.varint(policy.max_count);
  out.varint(policy.max_age_seconds);
  out.varint(policy.truncate_before);
  out.varint(policy.cache_control_seconds);
  out.text(policy.acl);
}

void read(byte_reader& in, stream_policy& policy) {
  policy.max_count = in.varint();
  policy.max_age_seconds = in.varint();
  policy.truncate_before = in.varint();
  policy.cache_control_seconds = in.varint();
  policy.acl = in.text();
}

void write(byte_writer& out, const retry_plan& plan) {
  out.varint(plan.delays_ms.size());
  for (auto delay : plan.delays_ms)
    out.varint(delay);
  out.varint(plan.initial_ms);
  out.real(plan.factor);
  out.varint(plan.max_ms);
  out.real(plan.jitter);
}

void read(byte_reader& in, retry_plan& plan) {
  plan.delays_ms.clear();
  for (auto left = in.count(); left > 0; --left)
    plan.delays_ms.push_back(std::uint32_t(in.varint()));
  plan.initial_ms = std::uint32_t(in.varint());
  plan.factor = in.real();
  plan.max_ms = std::uint32_t(in.varint());
  plan.jitter = in.real();
}

void write(byte_writer& out, const group_settings& x) {
  out.byte(
    std::uint8_t((x.resolve_link_tos ? 1 : 0) | (x.extra_statistics ? 2 : 0)
                 | (x.durability == lease_durability::lazy ? 4 : 0)
                 | (x.on_lease_loss == lease_loss::charge_guilty ? 8 : 0)));
  out.zigzag(x.start_from);
  for (auto number :
       {x.message_timeout_ms, x.max_retry_count, x.live_buffer_size,
        x.buffer_size, x.read_batch_size, x.check_point_after_ms,
        x.min_check_point_count, x.max_check_point_count,
        x.max_subscriber_count, x.min_retry_span_ms, x.max_in_flight,
        x.max_in_flight_per_consumer})
    out.zigzag(number);
  out.text(x.named_consumer_strategy);
  write(out, x.retries);
}

void read(byte_reader& in, group_settings& x) {
  auto flags = in.byte();
  x.resolve_link_tos = (flags & 1) != 0;
  x.extra_statistics = (flags & 2) != 0;
  x.durability =
    (flags & 4) != 0 ? lease_durability::lazy : lease_durability::strict;
  x.on_lease_loss =
    (flags & 8) != 0 ? lease_loss::charge_guilty : lease_loss::charge_all;
  x.start_from = in.zigzag();
  for (auto* number :
       {&x.message_timeout_ms, &x.max_retry_count, &x.live_buffer_size,
        &x.buffer_size, &x.read_batch_size, &x.check_point_after_ms,
        &x.min_check_point_count, &x.max_check_point_count,
        &x.max_subscriber_count, &x.min_retry_span_ms, &x.max_in_flight,
        &x.max_in_flight_per_consumer})
    *number = std::int32_t(in.zigzag());
  x.named_consumer_strategy = in.text();
  read(in, x.retries);
}

/// Of a group, beside the breaker's state: its row says where it began.
constexpr std::uint8_t says_beginning = 4;

} // namespace

void write(byte_writer& out, const stream_row& row) {
  out.varint(row.id.value);
  out.varint(row.next.value);
  out.varint(row.first_live.value);
  out.byte(std::uint8_t(row.state));
  write(out, row.policy);
}

void read(byte_reader& in, stream_row& row) {
  row.id = {in.varint()};
  row.next = {in.varint()};
  row.first_live = {in.varint()};
  row.state = stream_state(in.byte());
  read(in, row.policy);
}

void write(byte_writer& out, const group_row& row) {
  out.varint(row.id.value);
  write(out, row.settings);
  out.varint(row.source_checkpoint.value);
  out.varint(row.replay_checkpoint.value);
  out.varint(row.replay_end.value);
  out.varint(row.next_lease.value);
  out.varint(row.settled);
  out.varint(row.parked);
  out.varint(row.delivered);
  out.varint(row.paused_until.value);
  out.byte(std::uint8_t(std::uint8_t(row.breaker) | says_beginning));
  out.varint(row.breaker_until.value);
  out.text(row.pause_reason);
  out.varint(row.breaker_delay_ms);
  out.varint(row.breaker_probe.value);
  out.varint(row.parked_job_due.value);
  out.varint(row.began_at.value);
}

void read(byte_reader& in, group_row& row) {
  row.id = {in.varint()};
  read(in, row.settings);
  row.source_checkpoint = {in.varint()};
  row.replay_checkpoint = {in.varint()};
  row.replay_end = {in.varint()};
  row.next_lease = {in.varint()};
  row.settled = in.varint();
  row.parked = in.varint();
  row.delivered = in.varint();
  row.paused_until = {in.varint()};
  auto flags = in.byte();
  row.breaker = breaker_state(flags & 3);
  row.breaker_until = {in.varint()};
  row.pause_reason = in.text();
  row.breaker_delay_ms = in.varint();
  row.breaker_probe = {in.varint()};
  row.parked_job_due = {in.varint()};
  // Rows of earlier builds say only what was asked for.
  row.began_at = {
    (flags & says_beginning) != 0
      ? in.varint()
      : std::uint64_t(std::max<std::int64_t>(row.settings.start_from, 0))};
}

void write(byte_writer& out, const run_row& row) {
  out.varint(row.count);
  out.byte(std::uint8_t(row.state));
  out.varint(row.attempt);
  out.varint(row.lease.value);
  out.varint(row.due.value);
  out.varint(row.first_lease.value);
}

void read(byte_reader& in, run_row& row) {
  row.count = in.varint();
  row.state = run_state(in.byte());
  row.attempt = std::uint32_t(in.varint());
  row.lease = {in.varint()};
  row.due = {in.varint()};
  row.first_lease = {in.varint()};
}

void write(byte_writer& out, const delayed_message& message) {
  out.byte(std::uint8_t(message.kind));
  out.text(message.stream);
  out.text(message.group);
  out.varint(message.subject);
  out.text(message.body);
}

void read(byte_reader& in, delayed_message& message) {
  message.kind = delayed_kind(in.byte());
  message.stream = in.text();
  message.group = in.text();
  message.subject = in.varint();
  message.body = in.text();
}

void write(byte_writer& out, const user_row& row) {
  out.text(row.full_name);
  out.varint(row.groups.size());
  for (auto& group : row.groups)
    out.text(group);
  out.text(row.password_hash);
  out.byte(row.disabled ? 1 : 0);
  out.varint(row.updated.value);
}

void read(byte_reader& in, user_row& row) {
  row.full_name = in.text();
  row.groups.clear();
  for (auto left = in.count(); left > 0; --left)
    row.groups.emplace_back(in.text());
  row.password_hash = in.text();
  row.disabled = in.byte() != 0;
  row.updated = {in.varint()};
}

void write(byte_writer& out, const consumer_key& key) {
  out.text(key.id);
  out.text(key.bound_group);
}

void read(byte_reader& in, consumer_key& key) {
  key.id = in.text();
  key.bound_group = in.text();
}

void write(byte_writer& out, const consumer_row& row) {
  out.text(row.group);
  out.varint(row.topics.size());
  for (auto& topic : row.topics)
    out.text(topic);
  out.varint(row.number);
  out.varint(row.silent_until.value);
}

void read(byte_reader& in, consumer_row& row) {
  row.group = in.text();
  row.topics.clear();
  for (auto left = in.count(); left > 0; --left)
    row.topics.emplace_back(in.text());
  row.number = in.varint();
  row.silent_until = {in.varint()};
}

void write(byte_writer& out, const history_row& row) {
  out.varint(row.count);
  out.varint(row.attempt);
  out.varint(row.extensions);
  out.varint(row.since.value);
  out.varint(row.until.value);
  out.varint(row.ended.value);
  out.byte(std::uint8_t(row.outcome));
  out.varint(row.delay_ms);
  out.text(row.holder.name);
  out.text(row.holder.address);
  out.text(row.words);
  out.varint(row.parked_as.value);
}

void read(byte_reader& in, history_row& row) {
  row.count = in.varint();
  row.attempt = std::uint32_t(in.varint());
  row.extensions = std::uint32_t(in.varint());
  row.since = {in.varint()};
  row.until = {in.varint()};
  row.ended = {in.varint()};
  row.outcome = lease_outcome(in.byte());
  row.delay_ms = in.varint();
  row.holder.name = in.text();
  row.holder.address = in.text();
  row.words = in.text();
  row.parked_as = {in.varint()};
}

void write(byte_writer& out, const scheduled_row& row) {
  out.varint(row.due.value);
  out.varint(row.message.value);
  out.varint(row.pieces);
  out.text(row.stream);
}

void read(byte_reader& in, scheduled_row& row) {
  row.due = {in.varint()};
  row.message = {in.varint()};
  row.pieces = std::uint32_t(in.varint());
  row.stream = in.text();
}

void write(byte_writer& out, const answer_row& row) {
  out.varint(row.at.value);
  out.text(row.outcomes);
  out.varint(row.next.value);
  out.varint(row.items);
}

void read(byte_reader& in, answer_row& row) {
  row.at = {in.varint()};
  row.outcomes = in.text();
  row.next = {in.varint()};
  row.items = in.varint();
}

void write(byte_writer& out, const event_number& number) {
  out.varint(number.value);
}

void read(byte_reader& in, event_number& number) {
  number = {in.varint()};
}

void write(byte_writer& out, const event& what) {
  out.id(what.id);
  auto gives_up = what.give_up_at.value != 0;
  out.byte(std::uint8_t((what.is_json ? 1 : 0) | (gives_up ? 2 : 0)));
  out.varint(what.created.value);
  if (gives_up)
    out.varint(what.give_up_at.value);
  out.text(what.type);
  out.text(what.metadata);
  out.text(what.data);
}

void read(byte_reader& in, event& what) {
  what.id = in.id();
  auto flags = in.byte();
  what.is_json = (flags & 1) != 0;
  what.created = {in.varint()};
  what.give_up_at = {(flags & 2) != 0 ? in.varint() : 0};
  what.type = in.text();
  what.metadata = in.text();
  what.data = in.text();
}

} // namespace callboard
