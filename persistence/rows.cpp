// Version byte, the fields, a checksum.
#include "persistence/rows.hpp"

#include "persistence/blocks.hpp"
#include "persistence/keys.hpp"
#include "persistence/values.hpp"

#include <cstring>

namespace callboard {

namespace {

constexpr std::uint8_t row_version = 1;

template <class Row>
row_change put(table where, std::string key, const Row& row) {
  std::string value;
  byte_writer out{value};
  out.byte(row_version);
  write(out, row);
  seal(key, value);
  return {where, std::move(key), std::move(value)};
}

/// The fields of a value, behind its version.
result<byte_reader> fields_of(std::string_view key, std::string_view value) {
  auto whole = unseal(key, value);
  if (!whole)
    return whole.error();
  byte_reader in{*whole};
  if (in.byte() != row_version)
    return whole->empty() ? errc::corrupt : errc::unknown_format;
  return in;
}

template <class Row>
result<Row> row_of(std::string_view key, std::string_view value) {
  auto found = fields_of(key, value);
  if (!found)
    return found.error();
  auto& in = *found;
  Row row;
  read(in, row);
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return row;
}

struct row_maker {
  partition_id p;

  row_change operator()(const put_stream& x) const {
    return put(table::streams, keys::stream(p, x.name), x.row);
  }

  row_change operator()(const put_group& x) const {
    return put(table::groups, keys::group(p, x.stream, x.group), x.row);
  }

  row_change operator()(const erase_group& x) const {
    return {table::groups, keys::group(p, x.stream, x.group), std::nullopt};
  }

  row_change operator()(const put_run& x) const {
    return put(table::group_events,
               keys::run(p, x.group, x.row.in, x.row.first), x.row);
  }

  row_change operator()(const erase_run& x) const {
    return {table::group_events, keys::run(p, x.group, x.in, x.first),
            std::nullopt};
  }

  row_change operator()(const put_delayed& x) const {
    return put(table::delayed, keys::delayed(p, x.message.due, x.message.id),
               x.message);
  }

  row_change operator()(const erase_delayed& x) const {
    return {table::delayed, keys::delayed(p, x.due, x.id), std::nullopt};
  }

  row_change operator()(const put_user& x) const {
    return put(table::users, x.login, x.row);
  }

  row_change operator()(const erase_user& x) const {
    return {table::users, x.login, std::nullopt};
  }

  row_change operator()(const put_consumer& x) const {
    return put(table::consumers, keys::consumer(p, x.key), x.row);
  }

  row_change operator()(const erase_consumer& x) const {
    return {table::consumers, keys::consumer(p, x.key), std::nullopt};
  }

  row_change operator()(const put_position& x) const {
    return put(table::positions, keys::position(p, x.group, x.stream), x.next);
  }

  row_change operator()(const put_history& x) const {
    return put(table::history,
               keys::history(p, x.group, x.row.in, x.row.first, x.row.lease),
               x.row);
  }

  row_change operator()(const erase_history& x) const {
    return {table::history, keys::history(p, x.group, x.in, x.first, x.lease),
            std::nullopt};
  }

  row_change operator()(const put_scheduled& x) const {
    return put(table::scheduled, keys::scheduled(p, x.id), x.row);
  }

  row_change operator()(const erase_scheduled& x) const {
    return {table::scheduled, keys::scheduled(p, x.id), std::nullopt};
  }

  row_change operator()(const put_piece& x) const {
    auto key = keys::piece(p, x.of, x.piece);
    auto value = x.bytes;
    seal(key, value);
    return {table::pieces, std::move(key), std::move(value)};
  }

  row_change operator()(const erase_piece& x) const {
    return {table::pieces, keys::piece(p, x.of, x.piece), std::nullopt};
  }

  row_change operator()(const put_answer& x) const {
    return put(table::answers, keys::answer(p, x.group, x.key), x.row);
  }

  row_change operator()(const erase_answer& x) const {
    return {table::answers, keys::answer(p, x.group, x.key), std::nullopt};
  }
};

} // namespace

row_change to_row(partition_id p, const change& what) {
  return std::visit(row_maker{p}, what);
}

void seal(std::string_view key, std::string& value) {
  auto sum = checksum(value, checksum(key, 0));
  value.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

result<std::string_view> unseal(std::string_view key, std::string_view value) {
  std::uint32_t expected = 0;
  if (value.size() < sizeof expected)
    return errc::corrupt;
  auto body = value.substr(0, value.size() - sizeof expected);
  std::memcpy(&expected, value.data() + body.size(), sizeof expected);
  if (checksum(body, checksum(key, 0)) != expected)
    return errc::corrupt;
  return body;
}

result<stream_row> read_stream(std::string_view key, std::string_view value) {
  return row_of<stream_row>(key, value);
}

result<group_row> read_group(std::string_view key, std::string_view value) {
  return row_of<group_row>(key, value);
}

result<run_row> read_run(std::string_view key, std::string_view value) {
  if (key.size() != 19)
    return errc::corrupt;
  auto row = row_of<run_row>(key, value);
  if (!row)
    return row;
  row->in = lane(keys::number(key, 10, 1) & 1);
  row->first = {keys::number(key, 11, 8)};
  return row;
}

result<delayed_message> read_delayed(std::string_view key,
                                     std::string_view value) {
  if (key.size() != 18)
    return errc::corrupt;
  auto message = row_of<delayed_message>(key, value);
  if (!message)
    return message;
  message->due = {keys::number(key, 2, 8)};
  message->id = {keys::number(key, 10, 8)};
  return message;
}

result<user_row> read_user(std::string_view key, std::string_view value) {
  return row_of<user_row>(key, value);
}

result<consumer_row> read_consumer(std::string_view key,
                                   std::string_view value) {
  return row_of<consumer_row>(key, value);
}

result<event_number> read_position(std::string_view key,
                                   std::string_view value) {
  return row_of<event_number>(key, value);
}

result<history_row> read_history(std::string_view key, std::string_view value) {
  if (key.size() != 27)
    return errc::corrupt;
  auto row = row_of<history_row>(key, value);
  if (!row)
    return row;
  row->in = lane(keys::number(key, 10, 1) & 1);
  row->first = {keys::number(key, 11, 8)};
  row->lease = {keys::number(key, 19, 8)};
  return row;
}

result<scheduled_row> read_scheduled(std::string_view key,
                                     std::string_view value) {
  return row_of<scheduled_row>(key, value);
}

result<std::string> read_piece(std::string_view key, std::string_view value) {
  auto whole = unseal(key, value);
  if (!whole)
    return whole.error();
  return std::string{*whole};
}

result<answer_row> read_answer(std::string_view key, std::string_view value) {
  return row_of<answer_row>(key, value);
}

std::string write_applied(std::string_view key, const applied_row& row) {
  std::string value;
  byte_writer out{value};
  out.byte(row_version);
  for (auto number : {row.index.value, row.at.value, row.used.stream.value,
                      row.used.group.value, row.used.schedules,
                      row.used.notices, row.next_sequence})
    out.varint(number);
  seal(key, value);
  return value;
}

result<applied_row> read_applied(std::string_view key, std::string_view value) {
  auto found = fields_of(key, value);
  if (!found)
    return found.error();
  auto& in = *found;
  applied_row row;
  row.index = {in.varint()};
  row.at = {in.varint()};
  row.used.stream = {in.varint()};
  row.used.group = {in.varint()};
  row.used.schedules = in.varint();
  row.used.notices = in.varint();
  row.next_sequence = in.varint();
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return row;
}

std::string write_ids(std::string_view key,
                      const std::vector<remembered_id>& ids) {
  std::string value;
  byte_writer out{value};
  out.byte(row_version);
  out.varint(ids.size());
  for (auto& one : ids) {
    out.id(one.id);
    out.varint(one.stream.value);
    out.varint(one.number.value);
  }
  seal(key, value);
  return value;
}

result<std::vector<remembered_id>> read_ids(std::string_view key,
                                            std::string_view value) {
  auto found = fields_of(key, value);
  if (!found)
    return found.error();
  auto& in = *found;
  std::vector<remembered_id> out;
  for (auto left = in.count(); left > 0 && in.good(); --left) {
    remembered_id one;
    one.id = in.id();
    one.stream = {in.varint()};
    one.number = {in.varint()};
    out.push_back(one);
  }
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return out;
}

} // namespace callboard
