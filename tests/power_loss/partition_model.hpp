// What a partition must hold: random records, and what they add up to.
#pragma once

#include "actors/core/recent_ids.hpp"
#include "actors/core/record.hpp"
#include "persistence/store.hpp"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace callboard::test {

using random_source = std::mt19937_64;

/// A number of [0, end).
inline std::uint64_t below(random_source& random, std::uint64_t end) {
  return std::uniform_int_distribution<std::uint64_t>{0, end - 1}(random);
}

/// The fold of a partition's records in plain maps: the simplest thing that the
/// store can be compared with.
class partition_model {
public:
  partition_model() = default;

  explicit partition_model(partition_id p) : partition_(p) {}

  /// A record that fits what was applied so far: events of all sizes (some in
  /// pieces), streams that are cut, groups, runs and delayed messages that come
  /// and go. Does not apply it.
  record next(random_source& random) const;

  void apply(const record& what);

  /// Compares everything that can be read. Returns the first difference,
  /// nothing if there is none; `error` is set when the store answered with one
  /// instead of a value.
  std::string difference(const store& from, errc& error) const;

  partition_id id() const noexcept { return partition_; }

  log_index applied() const noexcept { return applied_; }

  wall_time at() const noexcept { return at_; }

private:
  struct stream_model {
    stream_row row;
    std::vector<event_ptr> events; // all, invisible ones too
  };

  using run_key = std::tuple<group_id, lane, event_number>;

  void append_events(random_source& random, record& into) const;
  void change_groups(random_source& random, record& into) const;
  void change_delayed(random_source& random, record& into) const;
  std::string stream_difference(const store& from, errc& error) const;
  std::string event_difference(const store& from, const stream_model& expected,
                               errc& error) const;
  std::string group_difference(const store& from, errc& error) const;
  std::string delayed_difference(const store& from, errc& error) const;
  std::string id_difference(const store& from, errc& error) const;

  partition_id partition_;
  log_index applied_;
  wall_time at_;
  std::map<std::string, stream_model> streams_;
  std::map<std::pair<std::string, std::string>, group_row> groups_;
  std::map<run_key, run_row> runs_;
  std::map<std::pair<wall_time, delayed_id>, delayed_message> delayed_;
  std::vector<remembered_id> ids_;
};

/// Bytes of a given length that differ for each number.
std::string bytes_of(random_source& random, std::size_t length);

} // namespace callboard::test
