// The life of a connection that speaks HTTP/2: its streams, its end, its time.
#include "net/h2_protocol.hpp"

#include "net/h2_stream.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace callboard {

bool h2_meter::take(time_point now) {
  std::chrono::duration<double> passed = now - filled_;
  left_ = std::min(burst_, left_ + passed.count() * per_second_);
  filled_ = now;
  if (left_ < 1)
    return false;
  left_ -= 1;
  return true;
}

h2_protocol::h2_protocol(const http_options& options, time_point now)
    : options_(options), session_(make_session()), now_(now), idle_since_(now),
      receiving_(options.budgets->receiving),
      resets_(options.h2.resets_max, options.h2.resets_per_second),
      small_frames_(options.h2.small_frames_max,
                    options.h2.small_frames_per_second) {
  auto& bounds = options.h2;
  std::array<nghttp2_settings_entry, 3> settings{
    {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
      std::uint32_t(bounds.streams_max)},
     {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
      std::uint32_t(bounds.stream_window_bytes)},
     {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
      std::uint32_t(options.sizes.header_bytes_max)}}};
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(),
                          settings.size());
  nghttp2_session_set_local_window_size(
    session_.get(), NGHTTP2_FLAG_NONE, 0,
    std::int32_t(bounds.connection_window_bytes));
  watch(now + options.header_wait_max);
}

h2_protocol::~h2_protocol() = default;

void h2_protocol::upgrade(http_request request, std::string_view settings) {
  [[maybe_unused]] int done = nghttp2_session_upgrade2(
    session_.get(), reinterpret_cast<const std::uint8_t*>(settings.data()),
    settings.size(), request.method == http_verb::head, nullptr);
  assert(done == 0);
  auto& first = add_stream(1);
  nghttp2_session_set_stream_user_data(session_.get(), 1, &first);
  first.method = request.method;
  first.head_only = request.method == http_verb::head;
  first.counted.body = request.body.size();
  receiving_.resize_anyway(counted_ += first.counted.body); // it is here
  first.request = std::move(request);
  hand_out(first);
}

// --- what is to be taken ----------------------------------------------------

std::optional<h2_protocol::numbered_request> h2_protocol::next_request() {
  while (!failed_ && complete_at_ < complete_.size()) {
    auto number = complete_[complete_at_++];
    if (auto* next = find(number); next && next->at == phase::complete) {
      enter(*next, phase::answering, options_.answer_wait_max);
      return numbered_request{number, std::move(next->request)};
    }
  }
  complete_.clear();
  complete_at_ = 0;
  return std::nullopt;
}

std::function<void()> h2_protocol::next_callback() {
  if (callbacks_.empty())
    return nullptr;
  auto next = std::move(callbacks_.front());
  callbacks_.erase(callbacks_.begin());
  return next;
}

bool h2_protocol::over() const {
  if (failed_)
    return farewell_.empty();
  return nghttp2_session_want_read(session_.get()) == 0
         && nghttp2_session_want_write(session_.get()) == 0;
}

// --- streams ----------------------------------------------------------------

h2_protocol::stream* h2_protocol::find(std::uint64_t number) const {
  return static_cast<stream*>(
    nghttp2_session_get_stream_user_data(session_.get(), std::int32_t(number)));
}

h2_protocol::stream& h2_protocol::add_stream(std::int32_t id) {
  auto& added = *streams_.emplace_back(std::make_unique<stream>());
  added.id = id;
  added.place = streams_.size() - 1;
  enter(added, phase::header, options_.header_wait_max);
  return added;
}

void h2_protocol::remove(stream& which) {
  if (which.at == phase::answering) {
    // Its handler is at work and may have the body.
    orphans_.emplace(which.id, std::exchange(which.counted, {}));
    if (which.gone)
      callbacks_.push_back(std::move(which.gone));
  }
  if (which.at == phase::streaming && which.gone)
    callbacks_.push_back(std::move(which.gone));
  if (which.unsent)
    callbacks_.push_back(std::move(which.unsent));
  uncount(which);
  unsent_ -= which.out.size() - which.sent;
  auto place = which.place;
  std::swap(streams_[place], streams_.back());
  streams_[place]->place = place;
  // `stopping` may hold the exchange: destroyed when all is in order.
  auto last = std::move(streams_.back());
  streams_.pop_back();
  if (streams_.empty()) {
    idle_since_ = now_;
    watch(now_ + options_.idle_wait_max); // `expire` knows if it is later
  }
}

h2_protocol::stream* h2_protocol::find_answering(std::uint64_t number) const {
  auto* found = find(number);
  return !failed_ && found && found->at == phase::answering ? found : nullptr;
}

h2_protocol::stream* h2_protocol::find_streaming(std::uint64_t number) const {
  auto* found = find(number);
  return !failed_ && found && found->at == phase::streaming ? found : nullptr;
}

/// By a handler that is at work.
h2_protocol::stream* h2_protocol::find_served(std::uint64_t number) const {
  auto* found = find_answering(number);
  return found ? found : find_streaming(number);
}

bool h2_protocol::on_gone(std::uint64_t number, std::function<void()>& gone) {
  auto* of = find_served(number);
  if (of == nullptr)
    return false;
  of->gone = std::move(gone);
  return true;
}

bool h2_protocol::on_stopping(std::uint64_t number,
                              std::function<void()>& stopping) {
  auto* of = find_served(number);
  if (of && draining_)
    return false;
  if (of)
    of->stopping = std::move(stopping);
  return true;
}

void h2_protocol::extend_deadline(std::uint64_t number,
                                  std::chrono::milliseconds by) {
  if (auto* of = find_served(number))
    of->deadline += by;
}

void h2_protocol::reset(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, code);
}

// --- endings ----------------------------------------------------------------

void h2_protocol::drain() {
  say_goodbye();
  for (auto& each : streams_)
    if (each->stopping && find_served(std::uint64_t(each->id)))
      callbacks_.push_back(std::exchange(each->stopping, nullptr));
}

void h2_protocol::say_goodbye() {
  if (failed_ || std::exchange(draining_, true))
    return;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

void h2_protocol::abandon() {
  while (!streams_.empty()) {
    auto& last = *streams_.back();
    nghttp2_session_set_stream_user_data(session_.get(), last.id, nullptr);
    remove(last);
  }
}

/// nghttp2 may be anywhere: nothing is asked of it from now on.
void h2_protocol::fail(std::uint32_t code) {
  if (failed_)
    return;
  failed_ = true;
  auto last =
    std::uint32_t(nghttp2_session_get_last_proc_stream_id(session_.get()));
  farewell_ = {'\0', '\0', '\x08', NGHTTP2_GOAWAY,
               '\0', // 8 bytes, no flags
               '\0', '\0', '\0',   '\0'};
  for (auto number : {last, code})
    for (int shift = 24; shift >= 0; shift -= 8)
      farewell_ += char(number >> shift & 0xff);
}

// --- time -------------------------------------------------------------------

void h2_protocol::enter(stream& which, phase next,
                        std::chrono::milliseconds wait_max) {
  which.at = next;
  which.deadline = now_ + wait_max;
  watch(which.deadline);
}

void h2_protocol::watch(time_point deadline) {
  deadline_ = std::min(deadline_, deadline);
}

void h2_protocol::expire(const moment& at) {
  now_ = at.now;
  date_ = at.date;
  deadline_ = time_point::max();
  if (failed_)
    return;
  std::vector<std::uint64_t> late;
  for (auto& each : streams_) {
    if (each->at == phase::body)
      each->deadline = body_deadline(*each);
    if (each->deadline <= now_)
      late.push_back(std::uint64_t(each->id));
    else
      watch(each->deadline);
  }
  for (auto number : late)
    if (auto* which = find(number))
      on_late(*which);
  if (streams_.empty() && !draining_) {
    auto idle_end =
      idle_since_
      + (greeted_ ? options_.idle_wait(at.bound) : options_.header_wait_max);
    if (idle_end <= now_)
      say_goodbye();
    else
      watch(idle_end);
  }
}

/// What has come buys time, up to a maximum.
h2_protocol::time_point h2_protocol::body_deadline(const stream& of) const {
  auto earned = std::chrono::seconds{
    std::int64_t(of.body.size() / limits::body_bytes_per_second)};
  return of.asked
         + std::min<std::chrono::milliseconds>(options_.body_grace + earned,
                                               options_.body_wait_max);
}

void h2_protocol::on_late(stream& which) {
  switch (which.at) {
    case phase::header: // and until its end no other frame may come
      return fail(NGHTTP2_ENHANCE_YOUR_CALM);
    case phase::body: return refuse(which, late_body());
    case phase::complete: // its owner is late
    case phase::answering:
      if (which.gone)
        callbacks_.push_back(std::exchange(which.gone, nullptr));
      return respond(which, late_answer(which.method, options_.repeating),
                     options_.header_block);
    case phase::streaming:
      if (which.sent == which.out.size())
        return enter(which, phase::streaming, limits::stream_time_max);
      [[fallthrough]];
    case phase::sending:
      if (is_stuck(which))
        reset(which.id, NGHTTP2_CANCEL);
      return await_progress(which);
  }
}

/// The client reads nothing of it. If it is only the socket that is slow, that
/// is for the owner to see.
bool h2_protocol::is_stuck(const stream& sending) const {
  constexpr auto enough = limits::write_progress_bytes;
  if (sending.sent_ever - sending.sent_before >= enough)
    return false;
  bool own_room =
    nghttp2_session_get_stream_remote_window_size(session_.get(), sending.id)
    > 0;
  bool room = nghttp2_session_get_remote_window_size(session_.get()) > 0;
  bool others = all_sent_ - sending.all_sent_before >= enough;
  return !own_room || (!room && !others);
}

void h2_protocol::await_progress(stream& sending) {
  sending.sent_before = sending.sent_ever;
  sending.all_sent_before = all_sent_;
  enter(sending, sending.open ? phase::streaming : phase::sending,
        options_.write_wait_max);
}

} // namespace callboard
