// How a request keeps its parts, and how an answer finds its way back.
#include "net/http.hpp"

#include "net/ascii.hpp"
#include "net/compression.hpp"
#include "net/negotiation.hpp"
#include "net/url.hpp"

#include <boost/asio/post.hpp>
#include <simdjson.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <utility>

namespace callboard {

namespace {

constexpr std::size_t reason_bytes_max = 500;

refusal bad_escape(std::string_view part) {
  return {400, "Malformed percent escape in the " + std::string{part}
                 + " of the request target"};
}

/// What may become a stream's name or a number: the escapes could hide worse.
bool is_text(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos
         && simdjson::validate_utf8(bytes.data(), bytes.size());
}

refusal not_text(std::string_view part) {
  return {400, "The " + std::string{part}
                 + " of the request target is not UTF-8 without NUL"};
}

/// `rest` loses all up to the separator, which goes too.
std::string_view take_until(std::string_view& rest, char separator) {
  auto end = std::min(rest.find(separator), rest.size());
  auto head = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return head;
}

} // namespace

// --- http_request -----------------------------------------------------------

accepted<void> http_request::set_target(std::string_view target) {
  assert(text_.empty()); // once, and before the headers
  auto scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos)
    target.remove_prefix(std::min(target.find('/', scheme + 3), target.size()));
  if (!target.starts_with('/'))
    return refusal{400, "The request target must begin with a slash"};
  target_ = keep(target);
  auto rest = target.substr(0, target.find('#'));
  auto question = rest.find('?');
  auto path = take_until(rest, '?');
  path_ = {target_.at, std::uint32_t(path.size())};
  if (auto split = split_path(path); !split)
    return split;
  return question == std::string_view::npos ? accepted<void>{}
                                            : split_query(rest);
}

accepted<void> http_request::split_path(std::string_view path) {
  trailing_slash_ = path.ends_with('/');
  if (trailing_slash_)
    path.remove_suffix(1);
  while (!path.empty()) {
    path.remove_prefix(1); // the slash
    auto raw = path.substr(0, path.find('/'));
    path.remove_prefix(raw.size());
    auto decoded = keep_decoded(raw, append_decoded);
    if (!decoded)
      return bad_escape("path");
    if (!is_text(view(*decoded)))
      return not_text("path");
    segments_.push_back(*decoded);
  }
  return {};
}

accepted<void> http_request::split_query(std::string_view query) {
  while (!query.empty()) {
    auto value = take_until(query, '&');
    if (value.empty())
      continue;
    auto name = take_until(value, '=');
    auto decoded_name = keep_decoded(name, append_decoded_form);
    auto decoded = keep_decoded(value, append_decoded_form);
    if (!decoded_name || !decoded)
      return bad_escape("query");
    if (!is_text(view(*decoded_name)) || !is_text(view(*decoded)))
      return not_text("query");
    query_.push_back({http_field::unknown, *decoded_name, *decoded});
  }
  return {};
}

http_request::piece http_request::keep(std::string_view text) {
  piece out{std::uint32_t(text_.size()), std::uint32_t(text.size())};
  text_ += text;
  return out;
}

std::optional<http_request::piece>
http_request::keep_decoded(std::string_view escaped,
                           bool (*decode)(std::string&, std::string_view)) {
  auto begin = text_.size();
  if (!decode(text_, escaped))
    return std::nullopt;
  return piece{std::uint32_t(begin), std::uint32_t(text_.size() - begin)};
}

void http_request::add_header(std::string_view name, std::string_view value) {
  add_header(boost::beast::http::string_to_field(name), name, value);
}

void http_request::add_header(http_field field, std::string_view name,
                              std::string_view value) {
  auto kept = keep(name);
  headers_.push_back({field, kept, keep(value)});
}

std::optional<std::string_view>
http_request::query(std::string_view name) const noexcept {
  for (auto& parameter : query_)
    if (iequals(view(parameter.name), name))
      return view(parameter.value);
  return std::nullopt;
}

std::vector<std::string_view>
http_request::query_list(std::string_view name) const {
  std::vector<std::string_view> out;
  for (auto& parameter : query_)
    if (iequals(view(parameter.name), name))
      out.push_back(view(parameter.value));
  return out;
}

std::optional<std::string_view>
http_request::header(http_field name) const noexcept {
  for (auto& header : headers_)
    if (header.field == name)
      return view(header.value);
  return std::nullopt;
}

std::optional<std::string_view>
http_request::header(std::string_view name) const noexcept {
  for (auto& header : headers_)
    if (iequals(view(header.name), name))
      return view(header.value);
  return std::nullopt;
}

std::optional<std::string_view>
http_request::header(std::string_view prefix,
                     std::string_view rest) const noexcept {
  for (auto& header : headers_)
    if (auto name = view(header.name);
        name.size() == prefix.size() + rest.size()
        && iequals(name.substr(prefix.size()), rest)
        && iequals(name.substr(0, prefix.size()), prefix))
      return view(header.value);
  return std::nullopt;
}

std::size_t http_request::header_count(http_field name) const noexcept {
  return std::size_t(
    std::count_if(headers_.begin(), headers_.end(),
                  [name](auto& header) { return header.field == name; }));
}

std::string http_request::header_list(http_field name) const {
  std::string out;
  for (auto& header : headers_)
    if (header.field == name)
      out.append(out.empty() ? "" : ", ").append(view(header.value));
  return out;
}

std::string_view http_request::parameter(std::string_view name) const {
  auto found =
    std::find_if(placeholders.begin(), placeholders.end(),
                 [name](auto& holder) { return holder.name == name; });
  assert(found != placeholders.end());
  return segment(found->segment);
}

std::string es_header_value::name() const {
  return std::string{prefix}.append(suffix);
}

std::optional<es_header_value> es_header(const http_request& request,
                                         std::string_view suffix) {
  for (std::string_view prefix : {"Kurrent-", "ES-"})
    if (auto value = request.header(prefix, suffix))
      return es_header_value{prefix, suffix, *value};
  return std::nullopt;
}

// --- http_answer ------------------------------------------------------------

void http_answer::add_header(std::string_view name, std::string_view value) {
  headers.append(name).append(": ");
  for (char c : value)
    headers += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  headers += "\r\n";
}

std::string to_reason(std::string_view text) {
  std::string out{text.substr(0, reason_bytes_max)};
  std::replace_if(
    out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

http_answer plain_status(http_status status, std::string_view reason) {
  return {.status = status, .reason = std::string{reason}};
}

http_answer refuse(const refusal& why) {
  http_answer out{.status = static_cast<http_status>(why.status),
                  .reason = why.text,
                  .content_type = media::bare_text,
                  .body = why.text};
  std::replace_if(
    out.body.begin(), out.body.end(), // ASCII, as its type has no charset
    [](char c) { return static_cast<unsigned char>(c) > 0x7f; }, '?');
  return out;
}

http_answer bad_request(std::string_view text) {
  return refuse({400, std::string{text}});
}

// --- http_exchange ----------------------------------------------------------

struct http_exchange::state {
  std::shared_ptr<http_connection> connection;
  std::uint64_t number;
  http_request request;
  std::string_view header_block;
  std::atomic<bool> answered = false;

  state(std::shared_ptr<http_connection> to, std::uint64_t n, http_request r,
        std::string_view block)
      : connection(std::move(to)), number(n), request(std::move(r)),
        header_block(block) {}

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  // A connection ends on its own thread only, whoever lets go of it last, and
  // so does its state; and 503 goes out later, since this may run in the middle
  // of anything.
  ~state() {
    auto executor = connection->executor();
    if (answered.load() && executor.running_in_this_thread())
      return;
    boost::asio::post(executor,
                      [to = std::move(connection),
                       kept = std::move(request.connection), n = number,
                       block = header_block, unanswered = !answered.load()] {
                        if (unanswered)
                          to->answer(n, unavailable(), block);
                      });
  }

  static http_answer unavailable() {
    http_answer out = plain_status(http_status::service_unavailable);
    out.add_header("Retry-After", "1");
    return out;
  }
};

http_exchange::http_exchange(std::shared_ptr<http_connection> connection,
                             std::uint64_t number, http_request request,
                             std::string_view header_block)
    : state_(std::make_shared<state>(std::move(connection), number,
                                     std::move(request), header_block)) {}

http_request& http_exchange::request() const noexcept {
  return state_->request;
}

http_executor http_exchange::executor() const noexcept {
  return state_->connection->executor();
}

void http_exchange::answer(http_answer answer) const {
  if (state_->answered.exchange(true))
    return;
  compress(answer, state_->request.header(http_field::accept_encoding));
  if (executor().running_in_this_thread())
    return state_->connection->answer(state_->number, std::move(answer),
                                      state_->header_block);
  boost::asio::post(executor(),
                    [state = state_, answer = std::move(answer)]() mutable {
                      state->connection->answer(
                        state->number, std::move(answer), state->header_block);
                    });
}

void http_exchange::on_gone(std::function<void()> gone) const {
  if (!state_->answered.load())
    state_->connection->on_gone(state_->number, std::move(gone));
}

void http_exchange::on_stopping(std::function<void()> stopping) const {
  if (!state_->answered.load())
    state_->connection->on_stopping(state_->number, std::move(stopping));
}

void http_exchange::extend_deadline(std::chrono::milliseconds by) const {
  state_->connection->extend_deadline(state_->number, by);
}

std::optional<answer_stream>
http_exchange::begin_stream(http_answer head) const {
  if (state_->answered.exchange(true))
    return std::nullopt;
  if (!state_->connection->begin_stream(state_->number, std::move(head),
                                        state_->header_block)) {
    state_->answered.store(false);
    return std::nullopt;
  }
  return answer_stream{std::make_shared<answer_stream::state>(state_)};
}

void http_exchange::set_header_block(std::string_view lines) const {
  state_->header_block = lines;
}

void fail(const http_exchange& exchange, const std::exception& error) {
  spdlog::error("request failed path={} error={}", exchange.request().path(),
                error.what());
  exchange.answer(plain_status(http_status::internal_server_error));
}

// --- answer_stream ----------------------------------------------------------

struct answer_stream::state {
  std::shared_ptr<http_exchange::state> exchange;
  bool ended = false;

  explicit state(std::shared_ptr<http_exchange::state> of)
      : exchange(std::move(of)) {}

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  ~state() {
    if (!ended) // later: this may run in the middle of anything
      boost::asio::post(exchange->connection->executor(), [of = exchange] {
        of->connection->end_stream(of->number);
      });
  }

  http_connection& connection() const { return *exchange->connection; }
};

bool answer_stream::write(std::string_view part) const {
  return !state_->ended
         && state_->connection().write_part(state_->exchange->number, part);
}

std::size_t answer_stream::unwritten() const {
  return state_->connection().unwritten(state_->exchange->number);
}

void answer_stream::end() const {
  if (!std::exchange(state_->ended, true))
    state_->connection().end_stream(state_->exchange->number);
}

void answer_stream::on_gone(std::function<void()> gone) const {
  state_->connection().on_gone(state_->exchange->number, std::move(gone));
}

void answer_stream::on_stopping(std::function<void()> stopping) const {
  state_->connection().on_stopping(state_->exchange->number,
                                   std::move(stopping));
}

} // namespace callboard
