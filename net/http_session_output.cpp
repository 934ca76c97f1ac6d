// A connection's answers on their way out, and its deadlines.
#include "net/http_session.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace callboard {

void http_session::put(http_answer answer, std::string_view header_block) {
  assert(out_body_.empty()); // no request is read before it is written
  receiving_.resize(0);
  auto& options = service_->options;
  if (answer.body.size() > body_copy_max
      && !options.budgets->sending.has(answer.body.size())) {
    if (answer.unsent)
      answer.unsent();
    answer = too_many_answers();
  }
  auto unsent = std::move(answer.unsent);
  auto status = static_cast<unsigned>(answer.status);
  bool keep = keep_alive_ && !answer.close && !draining_;
  append_head(out_, answer,
              {.date = service_->date.now(),
               .header_block = header_block,
               .keep_alive = keep,
               .old_client = old_client_});
  if (head_only_ || !may_have_body(answer.status))
    ;
  else if (answer.body.size() <= body_copy_max)
    out_ += answer.body;
  else
    out_body_ = std::move(answer.body);
  if (unsent)
    ends_.push_back({out_.size() + out_body_.size(), std::move(unsent)});
  auto now = keep ? enter(phase::idle, idle_wait())
                  : enter(phase::finishing, options.write_wait_max);
  options.counts->answered(status, now - asked_);
}

// --- answers part by part ---------------------------------------------------

bool http_session::begin_stream(std::uint64_t number, http_answer head,
                                std::string_view header_block) {
  if (!is_current(number) || streaming_ || head_only_)
    return false;
  assert(out_body_.empty());
  receiving_.resize(0);
  streaming_ = true;
  keep_alive_ = keep_alive_ && !old_client_ && !head.close;
  append_head(out_, head,
              {.date = service_->date.now(),
               .header_block = header_block,
               .keep_alive = keep_alive_ && !draining_,
               .old_client = old_client_,
               .streamed = true});
  auto begun = enter(phase::answering, limits::stream_time_max);
  service_->options.counts->answered(static_cast<unsigned>(head.status),
                                     begun - asked_);
  if (!serving_)
    flush();
  return true;
}

bool http_session::write_part(std::uint64_t number, std::string_view part) {
  if (!is_current(number) || !streaming_)
    return false;
  auto& sending = service_->options.budgets->sending;
  if (unwritten() + part.size() > body_copy_max && !sending.has(part.size()))
    return false;
  if (part.empty())
    return true; // the empty chunk would be the last
  if (old_client_)
    out_ += part;
  else
    append_chunk(out_, part);
  if (waits_writable_) // then `flush` does nothing, and counts nothing
    sending_.resize_anyway(out_.size() + out_body_.size());
  if (!serving_)
    flush();
  return phase_ != phase::closed;
}

void http_session::end_stream(std::uint64_t number) {
  if (!is_current(number) || !std::exchange(streaming_, false))
    return;
  // They may hold the exchange: destroyed at the end, when all is in order.
  auto gone = std::exchange(gone_, nullptr);
  auto stopping = std::exchange(stopping_, nullptr);
  if (!old_client_)
    append_chunk(out_, {});
  if (keep_alive_ && !draining_)
    enter(phase::idle, idle_wait());
  else
    enter(phase::finishing, service_->options.write_wait_max);
  if (!serving_)
    serve_held();
}

std::size_t http_session::unwritten(std::uint64_t number) const {
  return is_current(number) ? unwritten() : 0;
}

void http_session::refuse(const refusal& why) {
  reader_.reset();
  keep_alive_ = false;
  head_only_ = false;
  linger_ = true;
  asked_ = clock::now();
  auto& words = service_->options.refuse;
  put(words && why.status != 503 ? words(why) : answer_to(why),
      service_->options.header_block);
}

void http_session::shrink(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > limits::kept_buffer_bytes_max)
    buffer.shrink_to_fit();
}

std::size_t http_session::unwritten() const noexcept {
  return out_.size() + out_body_.size() - written_;
}

bool http_session::has_room() const noexcept {
  return out_body_.empty() && unwritten() < limits::unwritten_bytes_max;
}

void http_session::flush() {
  if (waits_writable_ || phase_ == phase::closed)
    return;
  auto before = written_;
  while (unwritten() > 0) {
    auto from_head = std::min(written_, out_.size());
    auto head = std::string_view{out_}.substr(from_head);
    auto body = std::string_view{out_body_}.substr(written_ - from_head);
    error_code ec;
    written_ += stream_.write_some(head, body, ec);
    if (ec == boost::asio::error::would_block)
      break;
    if (ec)
      return close();
  }
  if (unwritten() == 0) {
    shrink(out_);
    shrink(out_body_);
    ends_.clear();
    sending_.resize(0);
    written_ = 0;
    bool waited = write_deadline_ != clock::time_point::max();
    write_deadline_ = clock::time_point::max();
    if (waited && phase_ == phase::idle)
      deadline_ = clock::now() + idle_wait();
    return;
  }
  if (write_deadline_ == clock::time_point::max()
      || written_ - before >= limits::write_progress_bytes) {
    write_deadline_ = clock::now() + service_->options.write_wait_max;
    watch(write_deadline_);
  }
  drop_written();
  sending_.resize_anyway(out_.size() + out_body_.size());
  waits_writable_ = true;
  stream_.wait_writable(
    [self = shared_from_this()](error_code ec) { self->on_writable(ec); });
}

/// A client that is always a bit behind never takes all: what it has taken must
/// not stay. Bytes are moved once they are fewer than those that have left, so
/// each costs a move at most. A large body goes as a whole.
void http_session::drop_written() {
  if (!out_body_.empty() || written_ < unwritten())
    return;
  out_.erase(0, written_);
  auto waiting = std::find_if(ends_.begin(), ends_.end(), [this](auto& each) {
    return each.at > written_;
  });
  ends_.erase(ends_.begin(), waiting);
  for (auto& each : ends_)
    each.at -= written_;
  written_ = 0;
}

void http_session::on_writable(error_code ec) {
  waits_writable_ = false;
  if (ec || phase_ == phase::closed)
    return;
  flush();
  if (reads())
    serve_held();
  else
    after_turn();
}

/// All is written. If unread bytes are left when a socket is closed, the client
/// gets a reset and may lose the answer: so one that is still sending is read
/// until it stops.
void http_session::finish() {
  if (!linger_)
    return close();
  stream_.end_output();
  enter(phase::lingering, limits::linger_wait_max);
  wait_readable();
}

// --- time -------------------------------------------------------------------

std::chrono::milliseconds http_session::idle_wait() const {
  return service_->options.idle_wait(state_->bound != nullptr);
}

/// Returns the time it is.
http_session::clock::time_point
http_session::enter(phase next, std::chrono::milliseconds wait_max) {
  auto now = clock::now();
  phase_ = next;
  deadline_ = now + wait_max;
  watch(deadline_);
  return now;
}

void http_session::watch(clock::time_point deadline) {
  if (deadline < timer_.expiry()) // shorter than what is armed: rare
    wait();
}

void http_session::wait() {
  timer_.expires_at(std::min(deadline_, write_deadline_));
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec)
      self->on_timer();
  });
}

void http_session::on_timer() {
  if (phase_ == phase::closed || phase_ == phase::handed_over)
    return;
  auto now = clock::now();
  if (write_deadline_ <= now)
    return close(); // the client does not read
  if (phase_ == phase::body)
    deadline_ = body_deadline();
  bool writing = write_deadline_ != clock::time_point::max();
  if (writing && (phase_ == phase::idle || phase_ == phase::finishing))
    deadline_ = write_deadline_; // it reads slowly: it is not idle yet
  else if (deadline_ <= now)
    on_late(phase_);
  if (phase_ != phase::closed)
    wait();
}

/// What has come buys time, up to a maximum.
http_session::clock::time_point http_session::body_deadline() const {
  auto& options = service_->options;
  auto earned = std::chrono::seconds{
    std::int64_t(reader_->body_size() / limits::body_bytes_per_second)};
  return asked_
         + std::min<std::chrono::milliseconds>(options.body_grace + earned,
                                               options.body_wait_max);
}

void http_session::on_late(phase late) {
  if (late == phase::header || late == phase::body) {
    refuse(late == phase::header ? late_header() : late_body());
    return after_turn();
  }
  if (late != phase::answering)
    return close();
  auto number = number_;
  if (streaming_)
    return end_stream(number);
  if (auto gone = std::exchange(gone_, nullptr))
    gone();
  auto& options = service_->options;
  answer(number, late_answer(method_, options.repeating), options.header_block);
}

} // namespace callboard
