// Reads over all partitions: a moment for all of them, then a reader.
#include "actors/broker_actor.hpp"

#include <utility>

namespace callboard {

// A page shows what was recorded up to a moment that is over in every
// partition: all of it is readable, and whatever is decided from now on gets a
// later time. So a reader that goes on behind a page misses nothing, whichever
// partition is slow.

caf::result<all_page_ptr> broker_state::read_all(all_request& what) {
  // Whoever was answered before has been applied: not later than this.
  what.until = node->db->last_time();
  auto promise = self->make_response_promise<all_page_ptr>();
  waiting_read read{std::move(what), promise};
  if (node->now() > read.what.until)
    begin(std::move(read));
  else {
    waiting.push_back(std::move(read));
    self->delayed_send(self, std::chrono::milliseconds{1}, wake_atom_v);
  }
  return promise;
}

void broker_state::wake() {
  while (!waiting.empty() && node->now() > waiting.front().what.until) {
    begin(std::move(waiting.front()));
    waiting.pop_front();
  }
  if (!waiting.empty())
    self->delayed_send(self, std::chrono::milliseconds{1}, wake_atom_v);
}

void broker_state::begin(waiting_read read) {
  struct gathering {
    waiting_read read;
    std::size_t left = 0;
    bool failed = false;
  };

  auto all = std::make_shared<gathering>();
  all->read = std::move(read);
  all->left = partitions.size();
  for (auto& partition : partitions)
    self
      ->request(partition, caf::infinite, visible_atom_v, all->read.what.until)
      .then(
        [this, all](bool) {
          if (--all->left > 0 || all->failed)
            return;
          self
            ->request(some_reader(), caf::infinite, read_atom_v,
                      std::move(all->read.what))
            .then(
              [all](all_page_ptr& page) {
                all->read.promise.deliver(std::move(page));
              },
              [all](caf::error& why) {
                all->read.promise.deliver(std::move(why));
              });
        },
        [all](caf::error& why) {
          --all->left;
          if (!std::exchange(all->failed, true))
            all->read.promise.deliver(std::move(why));
        });
}

caf::result<stream_list_ptr>
broker_state::list_streams(const streams_request& what) {
  return self->delegate(some_reader(), read_atom_v, what);
}

caf::result<delayed_page_ptr> broker_state::list_delayed(delayed_query& what) {
  return self->delegate(some_reader(), delayed_atom_v, std::move(what));
}

caf::result<delayed_detail_ptr>
broker_state::find_delayed(const delayed_ref& what) {
  return self->delegate(some_reader(), delayed_atom_v, what);
}

const reader_actor& broker_state::some_reader() {
  return readers[next_reader++ % readers.size()];
}

} // namespace callboard
