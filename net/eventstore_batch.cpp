// By simdjson on demand.
#include "net/eventstore_batch.hpp"

#include "actors/core/limits.hpp"
#include "net/ascii.hpp"
#include "net/delayed_times.hpp"
#include "net/json_layout.hpp"
#include "net/xml_reader.hpp"

#include <simdjson.h>

#include <optional>

namespace callboard {

namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view invalid_body = "Write request body invalid.";

/// Bodies above this get a parser of their own, so that no thread keeps the
/// memory that the largest one needed.
constexpr std::size_t reused_bytes_max = std::size_t{1} << 20;

struct parser_buffers {
  ondemand::parser parser;
  std::string padded;
};

refusal too_large_event() {
  return {413, "Too large events received. Limit is "
                 + std::to_string(limits::event_bytes_max) + " bytes."};
}

refusal too_large_batch() {
  return {413, "Too large batch received. Limit is "
                 + std::to_string(limits::append_bytes_max) + " bytes."};
}

/// One event as it was sent; what cannot be an event is told by `check`.
struct sent_event {
  new_event event;
  std::optional<std::string> bad_id;
  std::string delay; // as it came
  std::string deliver_at;
  std::string give_up_at;
};

/// Reads one body. `none`: it is JSON of the right shape; `invalid_argument`:
/// it is not; `too_large`: an event is, or all of them: `too_large` says what.
/// What it keeps is bounded, however many events there are and however much
/// longer they get when they are laid out.
class batch_reader {
public:
  errc read(std::string_view body, parser_buffers& buffers) {
    auto& padded = buffers.padded;
    padded.clear();
    padded.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    padded = without_byte_order_mark(body);
    ondemand::document document;
    if (buffers.parser.iterate(padded).get(document) != simdjson::SUCCESS)
      return errc::invalid_argument;
    ondemand::array array;
    if (document.get_array().get(array) != simdjson::SUCCESS)
      return errc::invalid_argument;
    for (auto element : array) {
      ondemand::object object;
      if (element.get_object().get(object) != simdjson::SUCCESS)
        return errc::invalid_argument;
      if (++count_ > limits::append_events_max)
        continue; // it is only counted
      if (auto failed = read_event(object); failed != errc::none)
        return failed;
    }
    // Something behind the array?
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS
             ? errc::none
             : errc::invalid_argument;
  }

  refusal too_large() const {
    return bytes_ > limits::append_bytes_max ? too_large_batch()
                                             : too_large_event();
  }

  accepted<event_batch> take() {
    if (events_.empty())
      return refusal{400, std::string{invalid_body}};
    if (count_ > limits::append_events_max)
      return refusal{413, "Too many events received: " + std::to_string(count_)
                            + ". Limit is "
                            + std::to_string(limits::append_events_max) + "."};
    event_batch out;
    out.events.reserve(events_.size());
    for (auto& e : events_) {
      if (e.bad_id)
        return refusal{400, std::string{invalid_body} + " eventId of event "
                              + std::to_string(out.events.size()) + " is \""
                              + *e.bad_id + "\"; a GUID is needed."};
      if (e.event.id.is_zero())
        return refusal{400, "Empty eventId provided. (Parameter 'eventId')"};
      if (auto ok = check_event(e.event); !ok)
        return ok.error();
      if (auto ok = take_due(e, out); !ok)
        return ok.error();
      if (auto ok = take_give_up(e, out.events.size()); !ok)
        return ok.error();
      out.events.push_back(std::move(e.event));
    }
    return out;
  }

private:
  static std::string of_event(std::size_t number) {
    return " of event " + std::to_string(number);
  }

  static accepted<void> take_give_up(sent_event& e, std::size_t number) {
    if (e.give_up_at.empty())
      return {};
    auto at = read_moment("giveUpAt" + of_event(number), e.give_up_at);
    if (!at)
      return at.error();
    e.event.give_up_at = *at;
    return {};
  }

  static accepted<void> take_due(const sent_event& e, event_batch& into) {
    if (e.delay.empty() && e.deliver_at.empty())
      return {};
    auto name = of_event(into.events.size());
    due_time due;
    if (!e.delay.empty() && !e.deliver_at.empty())
      return refusal{400, "There are both delay and deliverAt" + name
                            + "; one of them says when."};
    if (e.deliver_at.empty()) {
      auto delay = read_delay_of("delay" + name, e.delay);
      if (!delay)
        return delay.error();
      due = *delay;
    } else {
      auto at = read_moment("deliverAt" + name, e.deliver_at);
      if (!at)
        return at.error();
      due.at = *at;
    }
    into.due.resize(into.events.size());
    into.due.emplace_back(due);
    return {};
  }

  errc read_event(ondemand::object object) {
    sent_event sent;
    bool data_is_json = false;
    bool metadata_is_json = false;
    for (auto field : object) {
      std::string_view name;
      ondemand::value value;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS)
        return errc::invalid_argument;
      if (field.value().get(value) != simdjson::SUCCESS)
        return errc::invalid_argument;
      auto outcome = errc::none;
      switch (member_of(name)) {
        case member::id: outcome = read_id(value, sent); break;
        case member::type: outcome = read_text(value, sent.event.type); break;
        case member::data:
          outcome = read_payload(value, sent.event.data, data_is_json);
          break;
        case member::metadata:
          outcome = read_payload(value, sent.event.metadata, metadata_is_json);
          break;
        case member::delay: outcome = read_text(value, sent.delay); break;
        case member::deliver_at:
          outcome = read_text(value, sent.deliver_at);
          break;
        case member::give_up_at:
          outcome = read_text(value, sent.give_up_at);
          break;
        case member::other: break;
      }
      if (outcome != errc::none)
        return outcome;
    }
    sent.event.is_json = data_is_json || metadata_is_json;
    events_.push_back(std::move(sent));
    return errc::none;
  }

  enum class member : std::uint8_t {
    id,
    type,
    data,
    metadata,
    delay,
    deliver_at,
    give_up_at,
    other
  };

  static member member_of(std::string_view name) {
    return iequals(name, "eventId")     ? member::id
           : iequals(name, "eventType") ? member::type
           : iequals(name, "data")      ? member::data
           : iequals(name, "metadata")  ? member::metadata
           : iequals(name, "delay")     ? member::delay
           : iequals(name, "deliverAt") ? member::deliver_at
           : iequals(name, "giveUpAt")  ? member::give_up_at
                                        : member::other;
  }

  static errc read_id(ondemand::value value, sent_event& into) {
    std::string text;
    if (auto failed = read_text(value, text); failed != errc::none)
      return failed;
    into.event.id = {};
    into.bad_id.reset();
    if (text.empty())
      return errc::none;
    if (auto id = parse_uuid(text))
      into.event.id = *id;
    else
      into.bad_id = text.substr(0, 80);
    return errc::none;
  }

  /// A string, or a number or boolean as its text; null is nothing.
  static errc read_text(ondemand::value value, std::string& into) {
    ondemand::json_type type{};
    std::string_view text;
    into.clear();
    if (value.type().get(type) != simdjson::SUCCESS)
      return errc::invalid_argument;
    switch (type) {
      case ondemand::json_type::string:
        if (value.get_string().get(text) != simdjson::SUCCESS)
          return errc::invalid_argument;
        break;
      case ondemand::json_type::null: return errc::none;
      case ondemand::json_type::object:
      case ondemand::json_type::array: return errc::invalid_argument;
      default:
        text = value.raw_json_token();
        text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    }
    into.assign(text);
    return errc::none;
  }

  errc read_payload(ondemand::value value, std::string& into, bool& is_json) {
    auto outcome = lay_out_payload(value, into, is_json);
    bytes_ += into.size();
    return outcome == errc::none && bytes_ > limits::append_bytes_max
             ? errc::too_large
             : outcome;
  }

  static errc lay_out_payload(ondemand::value value, std::string& into,
                              bool& is_json) {
    ondemand::json_type type{};
    std::string_view text;
    into.clear();
    is_json = false;
    if (value.type().get(type) != simdjson::SUCCESS)
      return errc::invalid_argument;
    if (type == ondemand::json_type::object
        || type == ondemand::json_type::array) {
      if (raw_text(value, type).get(text) != simdjson::SUCCESS)
        return errc::invalid_argument;
      is_json = true;
      // It lies in an event in an array.
      return append_indented(into, text, limits::event_bytes_max,
                             json_grammar::strict, limits::json_depth_max - 2);
    }
    if (type != ondemand::json_type::string)
      return errc::none;
    if (value.get_string().get(text) != simdjson::SUCCESS)
      return errc::invalid_argument;
    auto first = first_of_json(text);
    if (first == '{' || first == '[') {
      auto outcome = append_indented(into, text, limits::event_bytes_max);
      is_json = outcome == errc::none;
      if (outcome != errc::invalid_argument)
        return outcome;
    }
    into.assign(text);
    return errc::none;
  }

  static simdjson::simdjson_result<std::string_view>
  raw_text(ondemand::value value, ondemand::json_type type) {
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (auto failed = value.get_array().get(array))
        return failed;
      return array.raw_json();
    }
    ondemand::object object;
    if (auto failed = value.get_object().get(object))
      return failed;
    return object.raw_json();
  }

  std::vector<sent_event> events_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0; // of all payloads, laid out
};

accepted<event_batch> parse_with(std::string_view body,
                                 parser_buffers& buffers) {
  batch_reader reader;
  auto outcome = reader.read(body, buffers);
  if (outcome == errc::invalid_argument) {
    if (json_depth(body) > limits::json_depth_max)
      return refusal{
        400, std::string{invalid_body} + " Arrays and objects may be nested "
               + std::to_string(limits::json_depth_max) + " deep."};
    // Rare: comments, single quotes. What is left is JSON, or refused.
    auto strict = to_strict_json(body);
    reader = {};
    if (strict)
      outcome = reader.read(*strict, buffers);
  }
  if (outcome == errc::invalid_argument)
    return refusal{400, std::string{invalid_body}};
  if (outcome == errc::too_large)
    return reader.too_large();
  return reader.take();
}

accepted<std::vector<new_event>> events_of(accepted<event_batch> batch) {
  if (!batch)
    return batch.error();
  return std::move(batch->events);
}

} // namespace

accepted<event_batch> parse_timed_batch(std::string_view body) {
  if (body.size() > reused_bytes_max) {
    parser_buffers own;
    return parse_with(body, own);
  }
  thread_local parser_buffers reused;
  return parse_with(body, reused);
}

accepted<event_batch> parse_timed_xml_batch(std::string_view body) {
  auto document = xml_children_to_json(body);
  if (document)
    return parse_timed_batch(*document);
  if (document.error() == errc::too_large)
    return refusal{413, "Too large XML document received. Limit is "
                          + std::to_string(xml_items_max)
                          + " elements and attributes."};
  return refusal{400, std::string{invalid_body}};
}

accepted<std::vector<new_event>> parse_batch(std::string_view body) {
  return events_of(parse_timed_batch(body));
}

accepted<std::vector<new_event>> parse_xml_batch(std::string_view body) {
  return events_of(parse_timed_xml_batch(body));
}

accepted<void> check_event(const new_event& e) {
  if (e.type.empty())
    return refusal{400, "Empty eventType provided. (Parameter 'eventType')"};
  if (e.type.size() > limits::event_type_bytes_max)
    return refusal{
      400, "eventType has " + std::to_string(e.type.size()) + " bytes; at most "
             + std::to_string(limits::event_type_bytes_max) + " are allowed."};
  if (!simdjson::validate_utf8(e.type))
    return refusal{400, "eventType is not UTF-8."};
  if (e.data.size() + e.metadata.size() > limits::event_bytes_max)
    return too_large_event();
  return {};
}

} // namespace callboard
