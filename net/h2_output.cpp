// Answers become frames, as fast as the client's windows allow.
#include "net/h2_stream.hpp"
#include "net/http_writer.hpp"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace callboard {

namespace {

using fields = boost::container::small_vector<nghttp2_nv, 24>;

void add_field(fields& to, std::string_view name, std::string_view value) {
  // nghttp2 takes copies; its interface is just not const.
  auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(
      reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  to.push_back({bytes(name), bytes(value), name.size(), value.size(),
                NGHTTP2_NV_FLAG_NONE});
}

/// What HTTP/1 says about a connection has no place here (RFC 9113, 8.2.2).
bool is_for_connection(std::string_view name) {
  constexpr std::array<std::string_view, 6> all{
    "connection",        "keep-alive", "proxy-connection",
    "transfer-encoding", "upgrade",    "content-length"};
  return std::find(all.begin(), all.end(), name) != all.end();
}

using name_bytes = boost::container::small_vector<char, 512>;

/// `lines`: whole ones, which outlive `to`. `names` has room for all of them.
void add_lines(fields& to, std::string_view lines, name_bytes& names) {
  while (!lines.empty()) {
    auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(line.size() + 2, lines.size()));
    auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0)
      continue;
    auto at = names.size();
    for (char c : line.substr(0, colon))
      names.push_back(c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c);
    std::string_view name{names.data() + at, names.size() - at};
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value = value.substr(0, value.find_last_not_of(" \t") + 1);
    if (!is_for_connection(name))
      add_field(to, name, value);
  }
}

struct digits {
  std::array<char, 20> text;
  std::size_t size;

  explicit digits(std::size_t number)
      : size(std::size_t(
          std::to_chars(text.data(), text.data() + text.size(), number).ptr
          - text.data())) {}

  operator std::string_view() const { return {text.data(), size}; }
};

} // namespace

// --- answers ----------------------------------------------------------------

void h2_protocol::answer(std::uint64_t number, http_answer answer,
                         std::string_view header_block, const moment& at) {
  now_ = at.now;
  date_ = at.date;
  if (auto orphan = orphans_.find(number); orphan != orphans_.end()) {
    uncount(orphan->second);
    orphans_.erase(orphan);
  }
  auto* to = find_answering(number);
  if (to == nullptr) {
    if (answer.unsent)
      answer.unsent();
    return;
  }
  // They may hold the exchange: destroyed at the end, when all is in order.
  auto gone = std::exchange(to->gone, nullptr);
  auto stopping = std::exchange(to->stopping, nullptr);
  bool last = answer.close;
  respond(*to, std::move(answer), header_block);
  if (last)
    say_goodbye();
}

void h2_protocol::respond_refused(stream& to) {
  auto& why = *to.refused;
  to.asked = now_;
  // What came goes with its memory, which a string that is emptied keeps.
  auto request = std::exchange(to.request, {});
  auto body = std::exchange(to.body, {});
  auto authority = std::exchange(to.authority, {});
  respond(to, answer_to(why), options_.header_block);
}

void h2_protocol::respond(stream& to, http_answer answer,
                          std::string_view header_block) {
  uncount(to);
  if (answer.body.size() > body_copy_max
      && !options_.budgets->sending.has(answer.body.size())) {
    if (answer.unsent)
      callbacks_.push_back(std::move(answer.unsent));
    answer = too_many_answers();
  }
  to.unsent = std::move(answer.unsent);
  submit(to, answer, header_block);
  if (!to.head_only && may_have_body(answer.status))
    to.out = std::move(answer.body);
  unsent_ += to.out.size();
  options_.counts->answered(static_cast<unsigned>(answer.status),
                            now_ - to.asked);
  await_progress(to);
}

void h2_protocol::submit(stream& to, const http_answer& answer,
                         std::string_view header_block) {
  fields all;
  digits status{static_cast<unsigned>(answer.status)};
  digits length{answer.body.size()};
  name_bytes names;
  names.reserve(date_.size() + header_block.size() + answer.headers.size());
  add_field(all, ":status", status);
  bool has_body = may_have_body(answer.status);
  if (has_body && !to.open)
    add_field(all, "content-length", length);
  if (!answer.content_type.empty())
    add_field(all, "content-type", answer.content_type);
  for (auto lines : {date_, header_block, std::string_view{answer.headers}})
    add_lines(all, lines, names);
  nghttp2_data_provider body{};
  body.source.ptr = &to;
  body.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t*,
                          std::size_t room, std::uint32_t* flags,
                          nghttp2_data_source* source, void*) -> ssize_t {
    auto& from = *static_cast<stream*>(source->ptr);
    auto left = from.out.size() - from.sent;
    if (left == 0 && from.open)
      return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left <= room && !from.open)
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    return ssize_t(std::min(left, room));
  };
  bool with_body =
    has_body && !to.head_only && (to.open || !answer.body.empty());
  nghttp2_submit_response(session_.get(), to.id, all.data(), all.size(),
                          with_body ? &body : nullptr);
}

// --- answers part by part ---------------------------------------------------

bool h2_protocol::begin_stream(std::uint64_t number, const http_answer& head,
                               std::string_view header_block,
                               const moment& at) {
  now_ = at.now;
  date_ = at.date;
  auto* to = find_answering(number);
  if (to == nullptr || to->head_only || !may_have_body(head.status))
    return false;
  // The request may stay for as long as the answer goes on.
  uncount({.body = std::exchange(to->counted.body, 0)});
  to->open = true;
  submit(*to, head, header_block);
  options_.counts->answered(static_cast<unsigned>(head.status),
                            now_ - to->asked);
  enter(*to, phase::streaming, limits::stream_time_max);
  return true;
}

bool h2_protocol::write_part(std::uint64_t number, std::string_view part,
                             const moment& at) {
  now_ = at.now;
  auto* to = find_streaming(number);
  if (to == nullptr)
    return false;
  if (unwritten(number) + part.size() > body_copy_max
      && !options_.budgets->sending.has(part.size()))
    return false;
  if (part.empty())
    return true;
  if (to->sent == to->out.size()) { // and it begins to wait for the client
    to->out.clear();
    to->sent = 0;
    await_progress(*to);
  } else if (to->sent > body_copy_max) {
    to->out.erase(0, std::exchange(to->sent, 0));
  }
  to->out += part;
  unsent_ += part.size();
  nghttp2_session_resume_data(session_.get(), to->id);
  return true;
}

void h2_protocol::end_stream(std::uint64_t number, const moment& at) {
  now_ = at.now;
  auto* to = find_streaming(number);
  if (to == nullptr)
    return;
  // They may hold the exchange: destroyed at the end, when all is in order.
  auto gone = std::exchange(to->gone, nullptr);
  auto stopping = std::exchange(to->stopping, nullptr);
  to->open = false;
  await_progress(*to);
  nghttp2_session_resume_data(session_.get(), to->id);
}

std::size_t h2_protocol::unwritten(std::uint64_t number) const {
  auto* of = find_streaming(number);
  return of ? of->out.size() - of->sent : 0;
}

void h2_protocol::submit_continue(stream& to) {
  fields all;
  add_field(all, ":status", "100");
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, to.id, nullptr,
                         all.data(), all.size(), nullptr);
}

// --- frames -----------------------------------------------------------------

void h2_protocol::produce(std::string& out, std::size_t bytes_max) {
  out_ = &out;
  out_bytes_max_ = bytes_max;
  while (!failed_ && out.size() < bytes_max) {
    const std::uint8_t* data = nullptr;
    auto size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0)
      fail(NGHTTP2_INTERNAL_ERROR);
    if (size <= 0)
      break;
    out.append(reinterpret_cast<const char*>(data), std::size_t(size));
  }
  out_ = nullptr;
  out += std::exchange(farewell_, {});
}

std::vector<h2_protocol::produced_answer> h2_protocol::take_produced() {
  return std::exchange(produced_, {});
}

/// A DATA frame. False: not now.
bool h2_protocol::send_data(stream& of, std::string_view head,
                            std::size_t size) {
  if (out_->size() >= out_bytes_max_)
    return false;
  out_->append(head).append(of.out, of.sent, size);
  of.sent += size;
  of.sent_ever += size;
  all_sent_ += size;
  unsent_ -= size;
  return true;
}

/// Its last frame.
void h2_protocol::on_produced(stream& of) {
  if (of.unsent)
    produced_.push_back({out_->size(), std::exchange(of.unsent, nullptr)});
}

} // namespace callboard
