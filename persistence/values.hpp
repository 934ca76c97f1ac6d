// Each row as bytes, the same in a log entry and in LMDB.
#pragma once

#include "actors/core/bytes.hpp"
#include "actors/core/record.hpp"

namespace callboard {

/// Every `write` is undone by the `read` of the same name: what was written by
/// this version, or by an earlier one, is read. A reader that runs out of bytes
/// says so (`byte_reader::good`); the caller checks once, at the end.
void write(byte_writer& out, const stream_row& row);
void read(byte_reader& in, stream_row& row);

void write(byte_writer& out, const group_row& row);
void read(byte_reader& in, group_row& row);

/// Without `in` and `first`: the key has them.
void write(byte_writer& out, const run_row& row);
void read(byte_reader& in, run_row& row);

/// Without `id` and `due`: the key has them.
void write(byte_writer& out, const delayed_message& message);
void read(byte_reader& in, delayed_message& message);

void write(byte_writer& out, const user_row& row);
void read(byte_reader& in, user_row& row);

void write(byte_writer& out, const consumer_key& key);
void read(byte_reader& in, consumer_key& key);

void write(byte_writer& out, const consumer_row& row);
void read(byte_reader& in, consumer_row& row);

/// Without `in`, `first` and `lease`: the key has them.
void write(byte_writer& out, const history_row& row);
void read(byte_reader& in, history_row& row);

void write(byte_writer& out, const scheduled_row& row);
void read(byte_reader& in, scheduled_row& row);

void write(byte_writer& out, const answer_row& row);
void read(byte_reader& in, answer_row& row);

void write(byte_writer& out, const event_number& number);
void read(byte_reader& in, event_number& number);

/// Without `number`.
void write(byte_writer& out, const event& what);
void read(byte_reader& in, event& what);

} // namespace callboard
