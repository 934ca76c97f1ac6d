// A registered consumer: its polls, one after the other, over its partitions.
#pragma once

#include "actors/core/consumer_requests.hpp"
#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace callboard {

/// A poll or a commit that has not been answered.
struct consumer_task {
  poll_request poll;
  caf::typed_response_promise<poll_reply_ptr> polled;
  std::optional<caf::typed_response_promise<bool>> committed; // a commit
  wall_time until;        // a poll waits until then
  bool abandoned = false; // nobody wants the answer
  bool early = false;     // its reader was answered with records after it came
};

/// A commit that the partitions were asked for.
struct running_commit {
  reader_id reader;
  caf::typed_response_promise<bool> promise;
  bool beside_wait = false; // a poll goes on waiting
  std::size_t left = 1;     // partitions that have not answered; asking them
  errc failed = errc::none;
};

using running_commit_ptr = std::shared_ptr<running_commit>;

/// State of one consumer's actor.
///
///     asking ──something came, or no time is left──> answered
///       ^ │    (in rounds, while there is more that fits)
///       │ └──nothing, and time is left──> waiting
///       └── a stream grew, other slices ───┘
///
/// While it waits nothing stands behind it: what comes ends the wait, or runs
/// beside it (a commit). What came before an answer with records left does not
/// know of it, so it commits nothing: a poll gets nothing, and is to come
/// again.
struct consumer_state {
  static inline const char* name = "consumer";

  caf::result<poll_reply_ptr> poll(poll_request& what);
  caf::result<bool> commit(reader_id reader);
  void assigned(member_slices what);
  void cancel(std::uint64_t session);
  void failed(const caf::error& why);

  /// What the rounds of questions to the partitions brought, that a poll needs.
  struct rounds {
    std::size_t left = 0;  // partitions that have not answered
    std::size_t begun = 0; // rounds
    std::size_t asked = 0; // partitions, in the last round,
    bool came = false;     // which brought something
    std::shared_ptr<poll_reply> reply = std::make_shared<poll_reply>();
    std::size_t bytes = 0;       // of the reply
    std::size_t records = 0;     // of the reply
    std::set<partition_id> more; // have what did not fit
    partition_id turn;           // whose turn to be first it was last
    std::uint64_t first = 0;     // which topic, modulo those of the partition
    member_epoch epoch;          // when it began
    bool outdated = false;
    errc failed = errc::none;
    std::set<partition_id> commits; // partitions in which it commits something
    bool uncommitted = false;       // one of them failed
  };

  using rounds_ptr = std::shared_ptr<rounds>;

  /// What each partition may give in a round.
  struct share {
    std::size_t bytes = 0;
    std::size_t records = 0;
  };

  /// What the consumer reads in one partition.
  struct part {
    std::vector<std::string> topics;
    std::vector<std::string> streams; // of the topics
    std::vector<event_number> waits_at;
  };

  void run_next();
  void begin_rounds();
  void begin_round(const rounds_ptr& r, const std::set<partition_id>& asked,
                   share each);
  bool goes_on(const rounds& r) const;
  void ask_for_more(const rounds_ptr& r);
  void ask_partition(const rounds_ptr& r, partition_id p, share mine);
  void answered(rounds& r, partition_id p, part& asked, std::size_t first,
                slice_reply& reply);
  void one_less(const rounds_ptr& r);
  void end_round(const rounds_ptr& r);
  void answer_with(rounds& r);
  void give_back(reader_id reader);
  void begin_wait();
  void end_wait();
  void grown(std::uint64_t generation);
  void finish(result<poll_reply_ptr> outcome);
  void run_commit(reader_id reader);
  void one_less(const running_commit_ptr& commit);
  void remember_handed(reader_id reader, partition_id p);
  reader_id reader_of(const consumer_task& task) const;
  reader_id current_reader() const;

  consumer_actor::pointer self = nullptr;
  std::string group;
  node_ptr node;
  std::vector<partition_actor> partitions;

  reader_id latest; // who polls without saying as which registration
  member_epoch epoch;
  std::vector<topic_slice> slices;
  std::map<partition_id, std::shared_ptr<part>> parts; // made of the slices
  std::uint64_t turn = 0; // which partition and which topic come first
  std::map<reader_id, std::set<partition_id>> handed; // and not committed

  struct answered_poll {
    std::uint64_t session = 0;
    reader_id reader;
  };

  answered_poll last_answered; // with records
  std::set<running_commit_ptr> commits;
  std::deque<consumer_task> tasks; // the first one runs
  bool running = false;
  bool waiting = false;
  std::uint64_t wait_generation = 0;
};

consumer_actor::behavior_type
consumer_behavior(consumer_actor::stateful_pointer<consumer_state> self,
                  std::string group, node_ptr node,
                  std::vector<partition_actor> partitions);

} // namespace callboard
