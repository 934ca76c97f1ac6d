// What is asked about consumers of topics: plain structs. No CAF here.
#pragma once

#include "actors/core/assignment.hpp"
#include "actors/core/membership.hpp"
#include "actors/core/reader_positions.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

/// `reader` is who polls from now on: a registration makes a new one.
struct join_reply {
  join_outcome outcome = join_outcome::joined;
  reader_id reader;
};

/// Who asks: a consumer, and as which of its registrations (0: the latest).
struct consumer_ref {
  consumer_key key;
  reader_id reader;
};

/// Takes what comes next; what the reader was handed by its last poll is
/// committed before the answer. `wait`: zero answers at once, else an empty
/// answer comes when the time is over. `session` names the poll for
/// `cancel_atom`; unique in the process.
struct poll_request {
  consumer_ref who;
  std::chrono::milliseconds wait{0};
  std::uint64_t session = 0;
};

/// Records of one topic in one partition; their numbers follow each other.
struct topic_chunk {
  topic_slice from;
  std::vector<event_ptr> records; // not empty
};

enum class poll_outcome : std::uint8_t {
  delivered, // perhaps nothing
  idle,      // no partition is assigned to the consumer
  outdated,  // the assignment has just changed, or another answer was on its
             // way: poll again
};

struct poll_reply {
  poll_outcome outcome = poll_outcome::delivered;
  std::vector<topic_chunk> chunks;
};

using poll_reply_ptr = std::shared_ptr<const poll_reply>;

/// What a member reads from now on.
struct member_slices {
  member_epoch epoch;
  std::vector<topic_slice> slices; // by partition, then topic
};

// --- of one group in one partition ------------------------------------------

/// Where a group begins in streams that it never read.
struct open_readers {
  std::string group;
  std::vector<std::string> streams;
  start_policy from = start_policy::latest;
};

/// A poll's part in one partition. Streams are visited in this order, until
/// `bytes_max` is used up. `whole_first`: the first record is taken even if it
/// alone is larger. `continues`: the same poll asked here before and found
/// something, somewhere; so nothing is committed, and nothing is read that
/// another reader began to read meanwhile.
struct slice_poll {
  std::string group;
  reader_id reader;
  member_epoch epoch;
  std::vector<std::string> streams;
  std::size_t bytes_max = 0;
  std::size_t records_max = 0;
  bool whole_first = false;
  bool continues = false;
};

/// `chunks`: index of the stream in the request, and records. `waits_at`: for
/// each stream the number that would come next, `no_event` if none ever will.
/// `bytes`: of the chunks, as `bytes_max` counts them. `more`: something did
/// not fit. `outdated`: a later assignment is in force here; nothing was done
/// but the commit.
struct slice_reply {
  std::vector<std::pair<std::size_t, std::vector<event_ptr>>> chunks;
  std::vector<event_number> waits_at;
  std::size_t bytes = 0;
  bool more = false;
  bool outdated = false;
};

using slice_reply_ptr = std::shared_ptr<slice_reply>;

/// A reader of a group.
struct group_reader {
  std::string group;
  reader_id reader;
};

} // namespace callboard
