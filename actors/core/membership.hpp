// Who is registered to consume topics, and who of them reads what.
#pragma once

#include "actors/core/assignment.hpp"
#include "actors/core/record.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

/// Registers a consumer. The topics are its own; the other members of its group
/// may have named others.
struct join_request {
  consumer_key key;
  std::string group;
  std::vector<std::string> topics;
  start_policy from = start_policy::latest;
  /// Of a consumer that is its connection: that, as long as it lives.
  std::weak_ptr<const void> connection{};
  /// It is registered on another living connection as well.
  bool shared = false;
};

enum class join_outcome : std::uint8_t {
  joined,
  already,         // with the same group and topics
  different,       // with another group or other topics: nothing has changed
  too_many,        // limits::consumers_max
  too_many_topics, // limits::group_topics_max
};

/// Decides who is registered, and deals out the partitions.
///
///     (absent) --join--> registered --leave, silent for too long--> (absent)
///
/// A consumer whose connection is its name may join again with other topics: it
/// is a new connection of a program that was changed. Not while it is on
/// another connection as well, which would lose the topics that it named.
/// Silence is measured with one delayed message a consumer: when it comes and
/// there was a sign of life since, it is sent again for later. Signs of life
/// are not stored; having been loaded is one. Who waits for an answer is not
/// silent.
/// A decision changes the state at once; if its record cannot be recorded the
/// shell drops this whole object. Deterministic: no I/O, no clock, no threads.
class membership {
public:
  membership(std::size_t partitions, std::chrono::milliseconds silence_max);

  /// Takes a stored row.
  void load(consumer_key key, consumer_row row, wall_time now);

  struct decision {
    join_outcome outcome = join_outcome::joined;
    std::vector<change> changes;
  };

  decision join(const join_request& what, wall_time now);

  /// What `join` would say.
  join_outcome outcome_of(const join_request& what) const;

  /// What to record; nothing if there is no such consumer.
  std::vector<change> leave(const consumer_key& key);

  struct expiry {
    std::vector<change> changes;
    std::string group; // of who was removed; empty: nobody was
  };

  /// A session_end came.
  expiry fire(const delayed_message& message, wall_time now);

  /// A sign of life. False: no such consumer.
  bool touch(const consumer_key& key, wall_time now);

  /// A poll of the consumer begins to wait, or has ended; that is a sign of
  /// life too. Nothing happens if there is no such consumer.
  void begin_wait(const consumer_key& key);
  void end_wait(const consumer_key& key, wall_time now);

  const consumer_row* find(const consumer_key& key) const;

  std::size_t size() const noexcept { return consumers_.size(); }

  /// Everybody, by key.
  std::vector<consumer_key> all() const;

  /// The members of a group, and the slices that each of them reads.
  using assignment =
    std::vector<std::pair<consumer_key, std::vector<topic_slice>>>;
  assignment assigned(std::string_view group) const;

private:
  struct entry {
    consumer_row row;
    wall_time seen;
    std::size_t waits = 0; // polls
  };

  using entries = std::map<consumer_key, entry>;

  put_delayed end_of(const consumer_key& key, const consumer_row& row) const;
  void drop(entries::iterator who);

  std::size_t partitions_;
  std::uint64_t silence_ms_;
  entries consumers_;
  std::map<std::string, std::set<consumer_key>, std::less<>> groups_;
  std::uint64_t last_number_ = 0;
};

} // namespace callboard
