// Who belongs to the group, and who shall lead it: what operators ask for.
#include "actors/replication/replicated_journal.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

/// After a hand-over that failed the wait doubles.
constexpr raft_ms drain_retry_min = limits::drain_retry_interval.count();
constexpr raft_ms drain_retry_max = 60'000;

change_answer not_in_time() {
  return {errc::timed_out, false, "the other node did not take over in time"};
}

} // namespace

void replicated_journal::change(change_request request, change_told then) {
  command([this, request = std::move(request), then = std::move(then)] {
    auto answer = leads_ ? change_.begin(*driver_, now(), status_.self, request)
                         : change_answer{errc::unavailable, false,
                                         "this node does not lead"};
    bool leaves_itself = leads_ && answer.error == errc::unavailable
                         && request.goal == change_goal::remove;
    then(std::move(answer));
    if (leaves_itself)
      if (auto done = driver_->transfer(now(), 0))
        perform(std::move(*done));
  });
}

void replicated_journal::transfer(raft_id to, change_told then) {
  command([this, to, then = std::move(then)] {
    auto tell = [&](change_answer answer) {
      if (then)
        then(std::move(answer));
    };
    if (!leads_)
      return tell({errc::unavailable, false, "this node does not lead"});
    if (to == status_.self)
      return tell({errc::none, true, "leads already"});
    auto done = driver_->transfer(now(), to);
    if (!done)
      return tell(
        done.error() == errc::not_found
          ? change_answer{errc::not_found, false, "there is no such voter"}
          : change_answer{errc::unavailable, false,
                          "no such voter is in contact, or "
                          "leadership is being handed over already"});
    if (then && hand_over_) // the driver gave that up: it takes one at a time
      std::exchange(hand_over_, std::nullopt)->then(not_in_time());
    if (then)
      hand_over_ = {std::move(then), now() + 2 * options_.election_timeout_ms};
    perform(std::move(*done));
  });
}

/// Who asked is told before the actors end: nothing they ask for is answered
/// afterwards.
void replicated_journal::watch_hand_over() {
  if (!hand_over_)
    return;
  bool done = !driver_->is_leader();
  if (!done && now() < hand_over_->until)
    return;
  auto then = std::move(std::exchange(hand_over_, std::nullopt)->then);
  then(done ? change_answer{errc::none, true, "leads no more"} : not_in_time());
}

void replicated_journal::drain(bool on) {
  command([this, on] {
    drain_at_ = now();
    drain_wait_ = drain_retry_min;
    if (std::exchange(drained_, on) != on)
      spdlog::info(on ? "shall not lead" : "may lead again");
  });
}

/// Less and less often, because nothing is submitted while one is waited for.
void replicated_journal::watch_drain() {
  if (!driver_->is_leader()) {
    drain_at_ = 0;
    drain_wait_ = drain_retry_min;
    return;
  }
  if (!drained_ || now() < drain_at_)
    return;
  drain_at_ = now() + drain_retry_min;
  if (!hand_to_next())
    return;
  drain_at_ = now() + drain_wait_;
  drain_wait_ = std::min(2 * drain_wait_, drain_retry_max);
}

/// To one after the other: another one may not want to lead either, or not be
/// able to. False: no other voter is in contact.
bool replicated_journal::hand_to_next() {
  auto peers = driver_->peers(now());
  std::erase_if(peers, [&](auto& one) {
    return one.id == status_.self || one.role != member_role::voter
           || !one.silent_ms || *one.silent_ms >= options_.election_timeout_ms;
  });
  if (peers.empty())
    return false;
  auto next = std::ranges::upper_bound(peers, handed_to_, {}, &peer_state::id);
  handed_to_ = next == peers.end() ? peers.front().id : next->id;
  if (auto done = driver_->transfer(now(), handed_to_))
    perform(std::move(*done));
  return true;
}

void replicated_journal::watch_members() {
  perform(change_.advance(*driver_, now()));
  group_view seen{
    {}, driver_->configuration_index(), driver_->settled(), recovering_};
  if (seen == told_view_)
    return;
  told_view_ = seen;
  seen.members = driver_->members();
  if (outlets_.members_changed)
    outlets_.members_changed(seen);
}

} // namespace callboard
