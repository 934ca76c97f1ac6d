// Shell of core/reader_positions: reads for the polls of a consumer group.
#pragma once

#include "actors/core/reader_positions.hpp"
#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace callboard {

/// A poll that has not been answered: it must be read, and what it commits must
/// be recorded.
struct running_poll {
  slice_poll what;
  slice_reply_ptr reply = std::make_shared<slice_reply>();
  caf::typed_response_promise<slice_reply_ptr> promise;
  std::size_t next = 0; // of the streams: whose turn it is
  bool again = false;   // it gave something, and has its turn again
  std::size_t bytes = 0;
  std::size_t memory = 0; // that the records take
  std::size_t records = 0;
  bool read = false;
  bool recorded = false;
  errc failed = errc::none;
};

using running_poll_ptr = std::shared_ptr<running_poll>;

/// How far a poll came with the stream whose turn it is.
enum class stream_step : std::uint8_t {
  done,
  again,   // there is more, and room for it
  waiting, // a reader was asked
};

/// State of the actor of one consumer group in one partition. It ends when
/// something of it cannot be recorded, and is spawned again from its rows when
/// it is next needed; what was handed out is then handed out again.
struct consumer_group_state {
  static inline const char* name = "consumer_group";

  caf::result<bool> open(const open_readers& what);
  caf::result<slice_reply_ptr> poll(slice_poll& what);
  caf::result<bool> commit(reader_id who);
  void release(reader_id who);
  void failed(errc why);
  void crashed(const std::exception& error);
  void end_if_done();

  /// Builds `core` from the rows.
  errc start();

  // One poll at a time reads, in order of arrival.
  void read_next();
  /// False: a reader was asked, it goes on when that has answered.
  bool read(const running_poll_ptr& poll);
  stream_step read_stream(const running_poll_ptr& poll);
  void ask_reader(const running_poll_ptr& poll, const stream_row& row,
                  range_request what);
  /// What was found of the stream whose turn it is; `end`: everything before
  /// that was asked for.
  stream_step take(running_poll& poll, const stream_row& row, event_number end,
                   std::vector<event_ptr> events);
  void answer_if_complete(const running_poll_ptr& poll);

  void record(std::vector<change> changes, std::function<void(errc)> then);
  caf::result<bool> recorded(std::vector<change> changes);
  errc begin_at(const std::string& stream, start_policy from, change& out);

  consumer_group_actor::pointer self = nullptr;
  std::string group;
  partition_id where;
  node_ptr node;
  partition_actor partition;
  reader_actor reader;
  std::optional<reader_positions> core;
  std::deque<running_poll_ptr> reading;
  bool asked_reader = false;
  bool released = false;       // by whom the reader is asked for
  std::size_t outstanding = 0; // records on their way
  errc ending = errc::none;
};

/// Spawned by its partition, linked to it.
consumer_group_actor::behavior_type consumer_group_behavior(
  consumer_group_actor::stateful_pointer<consumer_group_state> self,
  std::string group, partition_id where, node_ptr node,
  partition_actor partition, reader_actor reader);

} // namespace callboard
