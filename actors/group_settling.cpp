// Settling: a few ids, or many things at once with what comes next.
#include "actors/core/limits.hpp"
#include "actors/group_impl.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

/// A batch that is being answered: once it is on disk, and once what comes next
/// is known, if that was asked for.
struct settle_batch_work {
  caf::typed_response_promise<settle_batch_reply_ptr> to;
  std::shared_ptr<settle_batch_reply> reply =
    std::make_shared<settle_batch_reply>();
  bool recorded = false;
  bool knows_next = true;
  bool only_asks = false; // nothing is settled by it
  errc failed = errc::none;

  void on_disk(errc why) {
    if (why != errc::none)
      return void(to.deliver(caf::make_error(why)));
    recorded = true;
    answer();
  }

  /// The items are on disk, or will be said not to be: that nothing follows is
  /// no reason to fail. But who has nothing to settle is told of damage, else
  /// he would ask for ever.
  void next(errc why, delivery_batch_ptr batch) {
    knows_next = true;
    if (why == errc::corrupt && only_asks)
      failed = why;
    reply->next = std::move(batch);
    answer();
  }

private:
  void answer() {
    if (recorded && knows_next && failed != errc::none)
      to.deliver(caf::make_error(failed));
    else if (recorded && knows_next)
      to.deliver(settle_batch_reply_ptr{std::move(reply)});
  }
};

namespace {

errc refusal_of(const settle_batch& what) {
  if (what.items.size() > limits::settle_items_max
      || what.idempotency_key.size() > limits::idempotency_key_bytes_max)
    return errc::too_large;
  bool named = std::all_of(what.items.begin(), what.items.end(), [](auto& one) {
    return one.id.has_value() || one.lease.has_value();
  });
  return named ? errc::none : errc::invalid_argument;
}

/// How long a breaker stays open.
std::uint64_t breaker_ms(std::chrono::milliseconds delay) {
  return std::uint64_t(
    std::clamp<std::int64_t>(delay.count(), 0, limits::pause_max.count()));
}

bool trips(const settle_batch& what,
           const std::vector<settle_outcome>& outcomes) {
  for (std::size_t i = 0; i < what.items.size(); ++i)
    if (what.items[i].trips && outcomes[i] == settle_outcome::applied)
      return true;
  return false;
}

} // namespace

void group_state::settle_now(const settle_request& what,
                             caf::typed_response_promise<settle_reply> to) {
  std::optional<std::uint64_t> delay;
  if (what.delay)
    delay = std::uint64_t(what.delay->count());
  auto now = node->now();
  bool whole = what.whole_group && what.action == settle_action::retry;
  auto todo = core->settle(what.action, what.ids, what.reason,
                           whole ? std::optional<std::uint64_t>{0} : delay, now,
                           node->random());
  if (whole && todo.applied > 0)
    todo.add(
      core->trip(breaker_ms(what.delay.value_or(0ms)), what.reason, now));
  settle_reply reply{todo.applied};
  count_settled(todo);
  record(std::move(todo), true, [to, reply](errc why) mutable {
    if (why != errc::none)
      to.deliver(caf::make_error(why));
    else
      to.deliver(reply);
  });
  forget_ahead(core->checkpoint(lane::source));
  pump();
}

caf::result<settle_reply> group_state::settle(const settle_request& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  return once_identified<settle_reply>(
    [this, what](auto& promise) { settle_now(what, promise); });
}

caf::result<settle_batch_reply_ptr>
group_state::settle_all(const settle_batch& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  if (auto why = refusal_of(what); why != errc::none)
    return caf::make_error(why);
  if (what.next && polls.size() >= limits::waiting_polls_max)
    return caf::make_error(errc::overloaded);
  return once_identified<settle_batch_reply_ptr>(
    [this, what](auto& promise) { settle_all_now(what, promise); });
}

void group_state::settle_all_now(
  const settle_batch& what,
  caf::typed_response_promise<settle_batch_reply_ptr> to) {
  auto now = node->now();
  auto work = std::make_shared<settle_batch_work>();
  work->to = std::move(to);
  work->only_asks = what.items.empty() && !what.trip;
  auto& reply = *work->reply;
  reply.group = core->row().id;
  auto& repeatable = what.idempotency_key;
  if (auto* known = answers.find(repeatable, now))
    return answer_again(what, *known, work);
  auto todo = core->settle(what.items, now, node->random(), reply.items);
  if (what.trip && trips(what, reply.items))
    todo.add(core->trip(breaker_ms(what.trip->delay), what.trip->words, now));
  count_settled(todo);
  lease_id leased;
  if (what.next) {
    reply.next = next_at_once(*what.next, todo);
    work->knows_next = reply.next != nullptr;
    if (reply.next)
      leased = reply.next->events.front().lease;
  }
  if (!repeatable.empty())
    answers.put(repeatable, {now, to_bytes(reply.items), leased, hash_of(what)},
                todo.changes);
  record(std::move(todo), true, [this, work, leased = reply.next](errc why) {
    if (why == errc::none && leased)
      count_delivered(*leased);
    work->on_disk(why);
  });
  if (!work->knows_next)
    queue(*what.next, repeatable,
          [this, work](errc why, delivery_batch_ptr batch) {
            work->next(why, why == errc::none ? std::move(batch) : no_events());
          });
  forget_ahead(core->checkpoint(lane::source));
  pump();
  arm();
}

/// Leases what comes next if nobody waits before and memory has it.
delivery_batch_ptr group_state::next_at_once(const fetch_request& what,
                                             group_effects& into) {
  if (!polls.empty() || ending != errc::none)
    return nullptr;
  catch_up(); // nobody waits, so nobody was told
  auto ranges = core->peek(wanted_by(what));
  if (ranges.empty())
    return nullptr;
  auto got = collect(ranges);
  if (!got.gone.empty() || got.events.empty())
    return nullptr;
  auto [todo, batch] = lease(std::move(got.events), what.who);
  into.add(std::move(todo));
  return batch->events.empty() ? nullptr : batch;
}

/// A key that was used: nothing is settled again.
void group_state::answer_again(const settle_batch& what,
                               const answer_row& known,
                               const std::shared_ptr<settle_batch_work>& work) {
  auto then = [work](errc why) { work->on_disk(why); };
  if (known.items != hash_of(what)) {
    work->reply->error = errc::already_exists;
    return record({}, true, then);
  }
  work->reply->items = to_outcomes(known.outcomes);
  work->knows_next = !what.next;
  record({}, true, then); // the first use may still be on its way
  if (!what.next)
    return;
  // Who asks again does not wait for the first answer any more.
  auto first = std::find_if(polls.begin(), polls.end(), [&](auto& poll) {
    return poll.settled == what.idempotency_key;
  });
  if (first != polls.end()) {
    auto answer = std::move(first->answer);
    polls.erase(first);
    answer(errc::none, no_events());
  }
  if (known.next.value == 0) {
    queue(*what.next, what.idempotency_key,
          [this, work](errc why, delivery_batch_ptr batch) {
            work->next(why, why == errc::none ? std::move(batch) : no_events());
          });
    pump();
    return arm();
  }
  std::vector<position> at;
  for (auto& one : core->leased_under(known.next))
    at.push_back(one.at);
  auto found = std::make_shared<std::vector<loaded_event>>();
  auto take = [found](loaded_event one) { found->push_back(std::move(one)); };
  read_again(as_ranges(at), take, [this, work, found, ticket = known.next] {
    auto batch = std::make_shared<delivery_batch>();
    batch->group = core->row().id;
    for (auto& one : core->leased_under(ticket)) {
      auto with = std::find_if(found->begin(), found->end(),
                               [&](auto& x) { return x.at == one.at; });
      if (with != found->end())
        batch->events.push_back(
          {std::move(with->what), one.at.in, one.attempt, one.lease});
    }
    work->next(errc::none, std::move(batch));
  });
}

/// In pieces, the last range first; what is gone, or not readable now, is left
/// out.
void group_state::read_again(std::vector<position_range> ranges,
                             const take_event& take,
                             const std::function<void()>& then) {
  if (ranges.empty())
    return then();
  auto next = ranges.back();
  ranges.pop_back();
  auto read = [=, this](errc why, resolved_events& events) mutable {
    if (why != errc::none)
      return guard(then);
    for (auto& one : events)
      if (one.original->number < next.numbers.end()
          && (next.in == lane::source || one.resolved != nullptr))
        take({{next.in, one.original->number}, one});
    auto last =
      events.empty() ? next.numbers.end() : events.back().original->number + 1;
    if (last < next.numbers.end()) // cut short by its bytes
      ranges.push_back(
        {next.in, {last, next.numbers.end().value - last.value}});
    guard([&] { read_again(std::move(ranges), take, then); });
  };
  if (next.in == lane::replay) // of some there is only a copy
    return read_parked(next.numbers, read);
  ++outstanding; // the actor must not end before it has answered
  self
    ->request(reader, caf::infinite, read_atom_v,
              request_for(next.in, next.numbers.first, next.numbers.count))
    .then(
      [this, read](resolved_events& events) mutable {
        --outstanding;
        read(errc::none, events);
        end_if_done();
      },
      [this, read](const caf::error& why) mutable {
        --outstanding;
        resolved_events nothing;
        read(to_errc(why), nothing);
        end_if_done();
      });
}

void group_state::count_settled(const group_effects& todo) {
  node->counts.events_settled += todo.applied - todo.retried;
  node->counts.events_retried += todo.retried;
  node->counts.events_parked += todo.parked.size();
}

} // namespace callboard
