// RabbitMQ, AMQP 0-9-1: a quorum queue, publisher confirms, acks of many. An
// ack has no answer: what was acked counts as settled when it is sent.
#include "bench/compare_peer.hpp"

#include <cstdint>
#include <set>
#include <utility>

namespace callboard::bench {

namespace {

constexpr char end_of_frame = '\xce';

void append_number(std::string& to, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    to.push_back(char(value >> shift));
}

std::uint64_t number_at(std::string_view in, std::size_t at, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i)
    value = value << 8 | std::uint8_t(in[at + std::size_t(i)]);
  return value;
}

void append_short(std::string& to, std::string_view text) {
  append_number(to, text.size(), 1);
  to.append(text);
}

void append_long(std::string& to, std::string_view text) {
  append_number(to, text.size(), 4);
  to.append(text);
}

/// An entry of a table whose value is a text.
void append_entry(std::string& to, std::string_view key,
                  std::string_view text) {
  append_short(to, key);
  to.push_back('S');
  append_long(to, text);
}

constexpr std::uint32_t method(unsigned class_id, unsigned id) {
  return class_id << 16 | id;
}

class rabbitmq final : public peer {
public:
  explicit rabbitmq(const peer_settings& settings)
      : peer(settings), to_queue_(settings.stream) {
    if (settings.delay_seconds > 0)
      to_queue_ += "-in-" + std::to_string(settings.delay_seconds) + "-s";
  }

  void open() override { out.append("AMQP\x00\x00\x09\x01", 8); }

  void prepare() override {
    std::string table;
    append_entry(table, "x-queue-type", "quorum");
    declare(settings_.stream, table);
    preparing_ = 1;
    if (settings_.delay_seconds == 0)
      return;
    // What is to be delivered later waits in a queue of its own until it is
    // dead, and goes to the other one from there.
    append_entry(table, "x-dead-letter-exchange", "");
    append_entry(table, "x-dead-letter-routing-key", settings_.stream);
    append_entry(table, "x-dead-letter-strategy", "at-least-once");
    append_entry(table, "x-overflow", "reject-publish");
    append_short(table, "x-message-ttl");
    table.push_back('I');
    append_number(table, std::uint64_t{settings_.delay_seconds} * 1000, 4);
    declare(to_queue_, table);
    preparing_ = 2;
  }

  void publish(unsigned count, std::int64_t stamp) override {
    for (unsigned i = 0; i < count; ++i) {
      std::string arguments(3, '\0'); // reserved, and no exchange's name
      append_short(arguments, to_queue_);
      arguments.push_back('\0');
      call(method(60, 40), arguments);
      std::string header;
      append_number(header, 60, 2);
      append_number(header, 0, 2);
      append_number(header, settings_.bytes, 8);
      append_number(header, 0x1000, 2); // what follows is the delivery mode
      header.push_back(2);              // persistent
      frame(2, header);
      message_.clear();
      append_message(message_, stamp);
      frame(3, message_);
      outstanding_.insert(++published_);
    }
  }

  void consume() override {
    std::string qos;
    append_number(qos, 0, 4);
    append_number(qos, settings_.fetch * 2, 2);
    qos.push_back('\0');
    call(method(60, 10), qos);
    std::string arguments(2, '\0');
    append_short(arguments, settings_.stream);
    append_short(arguments, "");
    arguments.push_back('\0');
    append_number(arguments, 0, 4);
    call(method(60, 20), arguments);
  }

  std::size_t read(std::string_view in) override {
    std::size_t used = 0;
    confirmed_ = 0;
    while (in.size() >= used + 8) {
      auto size = std::size_t(number_at(in, used + 3, 4));
      if (in.size() < used + size + 8)
        break;
      auto content = in.substr(used + 7, size);
      if (in[used] == 1)
        on_method(std::uint32_t(number_at(content, 0, 4)), content.substr(4));
      else if (in[used] == 2)
        body_left_ = std::size_t(number_at(content, 4, 8));
      else if (in[used] == 3)
        on_body(content);
      used += size + 8;
    }
    settle(settings_.eager ? 1 : settings_.fetch);
    if (confirmed_ > 0)
      on_confirmed(confirmed_);
    return used;
  }

  void idle() override { settle(1); }

private:
  void frame(char type, std::string_view content, unsigned channel = 1) {
    out.push_back(type);
    append_number(out, channel, 2);
    append_number(out, content.size(), 4);
    out.append(content);
    out.push_back(end_of_frame);
  }

  void call(std::uint32_t what, std::string_view arguments,
            unsigned channel = 1) {
    std::string content;
    append_number(content, what, 4);
    content.append(arguments);
    frame(1, content, channel);
  }

  void declare(const std::string& queue, const std::string& table) {
    std::string arguments(2, '\0');
    append_short(arguments, queue);
    arguments.push_back(2); // durable
    append_long(arguments, table);
    call(method(50, 10), arguments);
  }

  void on_method(std::uint32_t what, std::string_view in) {
    std::string reply;
    switch (what) {
      case method(10, 10):      // start
        append_long(reply, ""); // no properties
        append_short(reply, "PLAIN");
        append_long(reply, std::string_view{"\0guest\0guest", 12});
        append_short(reply, "en_US");
        return call(method(10, 11), reply, 0);
      case method(10, 30): // tune: as it says, but no heartbeats
        reply.append(in.substr(0, 6)).append(2, '\0');
        call(method(10, 31), reply, 0);
        return call(method(10, 40), std::string_view{"\1/\0\0", 4}, 0);
      case method(10, 41): // open
        return call(method(20, 10), std::string_view{"\0", 1});
      case method(20, 11): // the channel too
        return call(method(85, 10), std::string_view{"\0", 1});
      case method(85, 11): // and it confirms
        return on_ready();
      case method(50, 11): // a queue is there
        if (--preparing_ == 0)
          on_ready();
        return;
      case method(60, 11): // qos
      case method(60, 21): // consume
        return;
      case method(60, 60): { // deliver
        auto tag_bytes = std::size_t(number_at(in, 0, 1));
        delivered_ = number_at(in, 1 + tag_bytes, 8);
        return;
      }
      case method(60, 80): { // ack: a confirm
        auto tag = number_at(in, 0, 8);
        auto first = in[8] != 0 ? outstanding_.begin() : outstanding_.find(tag);
        auto last = outstanding_.upper_bound(tag);
        for (; first != outstanding_.end() && first != last; ++confirmed_)
          first = outstanding_.erase(first);
        return;
      }
      default: // close, with the reason; or a nack
        refused("rabbitmq", in);
    }
  }

  void on_body(std::string_view part) {
    if (part.size() < body_left_)
      refused("a message in more than one frame", part);
    on_delivered(stamp_of(part));
    received_ = delivered_;
    ++unsettled_;
  }

  void settle(unsigned at_least) {
    if (unsettled_ == 0 || unsettled_ < at_least)
      return;
    std::string arguments;
    append_number(arguments, received_, 8);
    arguments.push_back(1); // and all before it
    call(method(60, 80), arguments);
    on_settled(std::exchange(unsettled_, 0));
  }

  std::string to_queue_;
  int preparing_ = 0;
  std::string message_;
  std::uint64_t published_ = 0;
  std::set<std::uint64_t> outstanding_; // published, not yet confirmed
  unsigned confirmed_ = 0;
  std::uint64_t delivered_ = 0; // the newest delivery's tag
  std::uint64_t received_ = 0;  // of the newest that is complete
  std::size_t body_left_ = 0;
  unsigned unsettled_ = 0;
};

} // namespace

std::unique_ptr<peer> make_rabbitmq(const peer_settings& settings) {
  return std::make_unique<rabbitmq>(settings);
}

} // namespace callboard::bench
