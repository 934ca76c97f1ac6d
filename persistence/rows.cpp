// Version byte, then the fields.
#include "persistence/rows.hpp"

#include "persistence/keys.hpp"
#include "persistence/values.hpp"

namespace callboard {

namespace {

constexpr std::uint8_t row_version = 1;

template <class Row>
std::string value_of(const Row& row) {
  std::string value;
  byte_writer out{value};
  out.byte(row_version);
  write(out, row);
  return value;
}

template <class Row>
result<Row> row_of(std::string_view value) {
  byte_reader in{value};
  if (in.byte() != row_version)
    return value.empty() ? errc::corrupt : errc::unknown_format;
  Row row;
  read(in, row);
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return row;
}

struct row_maker {
  partition_id p;

  row_change operator()(const put_stream& x) const {
    return {table::streams, keys::stream(p, x.name), value_of(x.row)};
  }

  row_change operator()(const put_group& x) const {
    return {table::groups, keys::group(p, x.stream, x.group), value_of(x.row)};
  }

  row_change operator()(const erase_group& x) const {
    return {table::groups, keys::group(p, x.stream, x.group), std::nullopt};
  }

  row_change operator()(const put_run& x) const {
    return {table::group_events, keys::run(p, x.group, x.row.in, x.row.first),
            value_of(x.row)};
  }

  row_change operator()(const erase_run& x) const {
    return {table::group_events, keys::run(p, x.group, x.in, x.first),
            std::nullopt};
  }

  row_change operator()(const put_delayed& x) const {
    return {table::delayed, keys::delayed(p, x.message.due, x.message.id),
            value_of(x.message)};
  }

  row_change operator()(const erase_delayed& x) const {
    return {table::delayed, keys::delayed(p, x.due, x.id), std::nullopt};
  }

  row_change operator()(const put_user& x) const {
    return {table::users, x.login, value_of(x.row)};
  }

  row_change operator()(const erase_user& x) const {
    return {table::users, x.login, std::nullopt};
  }
};

} // namespace

row_change to_row(partition_id p, const change& what) {
  return std::visit(row_maker{p}, what);
}

result<stream_row> read_stream(std::string_view value) {
  return row_of<stream_row>(value);
}

result<group_row> read_group(std::string_view value) {
  return row_of<group_row>(value);
}

result<run_row> read_run(std::string_view key, std::string_view value) {
  if (key.size() != 19)
    return errc::corrupt;
  auto row = row_of<run_row>(value);
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
  auto message = row_of<delayed_message>(value);
  if (!message)
    return message;
  message->due = {keys::number(key, 2, 8)};
  message->id = {keys::number(key, 10, 8)};
  return message;
}

result<user_row> read_user(std::string_view value) {
  return row_of<user_row>(value);
}

std::string write_applied(const applied_row& row) {
  std::string value;
  byte_writer out{value};
  out.byte(row_version);
  for (auto number :
       {row.index.value, row.at.value, row.last_stream.value,
        row.last_group.value, row.last_delayed.value, row.next_sequence})
    out.varint(number);
  return value;
}

result<applied_row> read_applied(std::string_view value) {
  byte_reader in{value};
  if (in.byte() != row_version)
    return errc::unknown_format;
  applied_row row;
  row.index = {in.varint()};
  row.at = {in.varint()};
  row.last_stream = {in.varint()};
  row.last_group = {in.varint()};
  row.last_delayed = {in.varint()};
  row.next_sequence = in.varint();
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return row;
}

std::string write_ids(const std::vector<remembered_id>& ids) {
  std::string value;
  byte_writer out{value};
  out.byte(row_version);
  out.varint(ids.size());
  for (auto& one : ids) {
    out.id(one.id);
    out.varint(one.stream.value);
    out.varint(one.number.value);
  }
  return value;
}

result<std::vector<remembered_id>> read_ids(std::string_view value) {
  byte_reader in{value};
  if (in.byte() != row_version)
    return errc::unknown_format;
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
