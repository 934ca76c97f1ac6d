// Scenarios of the Barco dialect: producing over HTTP and over the binary
// protocol, polling, and from a produce to its receipt.
#include "bench/load.hpp"
#include "bench/options.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <deque>
#include <memory>
#include <thread>

namespace callboard::bench {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

namespace {

void append_big_endian(std::string& out, std::uint64_t x, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(char((x >> shift) & 0xff));
}

std::uint64_t big_endian(std::string_view bytes, std::size_t at, int size) {
  std::uint64_t out = 0;
  for (int i = 0; i < size; ++i)
    out = (out << 8) | static_cast<unsigned char>(bytes[at + std::size_t(i)]);
  return out;
}

std::string frame(std::uint16_t stream, std::uint8_t opcode,
                  const std::string& body = {}) {
  std::string out;
  append_big_endian(out, 1, 1);
  append_big_endian(out, 0, 1);
  append_big_endian(out, stream, 2);
  append_big_endian(out, opcode, 1);
  append_big_endian(out, body.size(), 4);
  append_big_endian(out,
                    crc32(0, reinterpret_cast<const Bytef*>(out.data()), 9), 4);
  return out + body;
}

/// Keeps so many frames in flight on one connection.
class binary_producer {
public:
  binary_producer(boost::asio::io_context& io, std::uint16_t port,
                  std::string body, unsigned in_flight)
      : socket_(io), body_(std::move(body)), in_flight_(in_flight) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.set_option(tcp::no_delay{true});
    boost::asio::write(socket_, boost::asio::buffer(frame(0, 1)));
    std::string ready(13, '\0');
    boost::asio::read(socket_, boost::asio::buffer(ready));
    buffer_.resize(65'536);
  }

  void begin() {
    for (unsigned i = 1; i <= in_flight_; ++i)
      next_ += frame(std::uint16_t(i), 4, body_);
    write();
    receive();
  }

  void stop() { stopping_ = true; }

  std::uint64_t stored = 0; // frames
  std::uint64_t refused = 0;
  latencies took;

private:
  void write() {
    if (writing_ || next_.empty())
      return;
    writing_ = true;
    std::swap(out_, next_);
    next_.clear();
    boost::asio::async_write(socket_, boost::asio::buffer(out_),
                             [this](boost::system::error_code ec, std::size_t) {
                               writing_ = false;
                               if (!ec)
                                 write();
                             });
  }

  void receive() {
    socket_.async_read_some(
      boost::asio::buffer(buffer_.data() + have_, buffer_.size() - have_),
      [this](boost::system::error_code ec, std::size_t n) {
        if (ec)
          return;
        have_ += n;
        std::size_t at = 0;
        while (have_ - at >= 13) {
          std::string_view head{buffer_.data() + at, 13};
          auto body = big_endian(head, 5, 4);
          if (have_ - at < 13 + body)
            break;
          ++(head[4] == 5 ? stored : refused);
          if (!stopping_)
            next_ += frame(std::uint16_t(big_endian(head, 2, 2)), 4, body_);
          at += 13 + body;
        }
        std::copy(buffer_.begin() + std::ptrdiff_t(at),
                  buffer_.begin() + std::ptrdiff_t(have_), buffer_.begin());
        have_ -= at;
        write();
        receive();
      });
  }

  tcp::socket socket_;
  std::string body_;
  unsigned in_flight_;
  std::string buffer_;
  std::size_t have_ = 0;
  std::string out_;
  std::string next_;
  bool writing_ = false;
  bool stopping_ = false;
};

std::string produce_body(const std::string& topic, const std::string& key,
                         const std::string& record, unsigned records) {
  std::string out;
  append_big_endian(out, key.size(), 1);
  out += key;
  append_big_endian(out, topic.size(), 1);
  out += topic;
  for (unsigned i = 0; i < records; ++i) {
    append_big_endian(out, record.size(), 4);
    out += record;
  }
  return out;
}

std::string plain_request(const char* verb, const std::string& path,
                          const std::string& more, const std::string& body) {
  return std::string{verb} + " " + path + " HTTP/1.1\r\nHost: bench\r\n" + more
         + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Calls `take` with each record of a binary poll's body.
template <class Take>
void each_record(std::string_view body, Take take) {
  static std::string payload(std::size_t{8} << 20, '\0');
  std::size_t at = 2;
  for (auto left = big_endian(body, 0, 2); left > 0; --left) {
    at += 14 + big_endian(body, at + 13, 1) + 8;
    auto size = big_endian(body, at, 4);
    auto bytes = ZSTD_decompress(payload.data(), payload.size(),
                                 body.data() + at + 4, size);
    at += 4 + size;
    for (std::size_t r = 0; r + 12 <= bytes;) {
      auto length = big_endian(payload, r + 8, 4);
      take(std::string_view{payload}.substr(r + 12, length));
      r += 12 + length;
    }
  }
}

/// One request after the other on one connection, as a client that polls.
class poller {
public:
  explicit poller(std::uint16_t port) : one_(io_, port) {}

  http_reply ask(const std::string& bytes) {
    http_reply out;
    one_.on_reply = [&](const http_reply& reply) { out = reply; };
    one_.send(bytes);
    io_.restart();
    io_.run_for(70s);
    return out;
  }

private:
  boost::asio::io_context io_;
  connection one_;
};

std::string register_request(const std::string& consumer,
                             const std::string& topic, bool earliest) {
  return plain_request("PUT",
                       "/v1/consumer/register?consumerId=" + consumer
                         + "&group=" + consumer + "&topic=" + topic
                         + (earliest ? "&onNewGroup=startFromEarliest" : ""),
                       {}, {});
}

/// Producers on one thread until the time is over; the frames stored.
std::uint64_t produce_binary_for(std::uint16_t port, const std::string& topic,
                                 unsigned connections, unsigned in_flight,
                                 unsigned records, std::size_t bytes,
                                 std::chrono::milliseconds time,
                                 std::uint64_t enough = UINT64_MAX) {
  boost::asio::io_context io;
  std::vector<std::unique_ptr<binary_producer>> all;
  for (unsigned i = 0; i < connections; ++i) {
    auto key = "key-" + std::to_string(i);
    all.push_back(std::make_unique<binary_producer>(
      io, port, produce_body(topic, key, payload(bytes), records), in_flight));
  }
  for (auto& one : all)
    one->begin();
  auto end = bench_clock::now() + time;
  auto stored = [&] {
    std::uint64_t sum = 0;
    for (auto& one : all)
      sum += one->stored;
    return sum;
  };
  while (bench_clock::now() < end && stored() * records < enough)
    io.run_for(10ms);
  auto out = stored();
  for (auto& one : all)
    one->stop();
  io.run_for(200ms);
  return out;
}

} // namespace

int produce(const load_target& target, int argc, char** argv) {
  auto connections = number(argc, argv, "connections", 64);
  auto seconds = number(argc, argv, "seconds", 4);
  auto data = payload(number(argc, argv, "bytes", 100));
  boost::asio::io_context io;
  std::vector<std::unique_ptr<connection>> all;
  std::uint64_t stored = 0;
  std::uint64_t failed = 0;
  latencies took;
  auto end = bench_clock::now() + std::chrono::seconds{seconds};
  auto cpu = cpu_seconds(target.pid);
  auto begun = bench_clock::now();
  for (unsigned i = 0; i < connections; ++i) {
    auto& one =
      *all.emplace_back(std::make_unique<connection>(io, target.port));
    auto bytes =
      plain_request("POST",
                    "/v1/topic/" + target.name + "/messages?partitionKey=key-"
                      + std::to_string(i),
                    "Content-Type: application/json\r\n", data);
    one.on_reply = [&, bytes](const http_reply& reply) {
      ++(reply.status == 200 ? stored : failed);
      took.add(bench_clock::now() - one.sent);
      if (bench_clock::now() < end)
        one.send(bytes);
    };
    one.send(bytes);
  }
  io.run();
  auto span = std::chrono::duration<double>(bench_clock::now() - begun).count();
  cpu = cpu_seconds(target.pid) - cpu;
  std::printf(
    "produce connections %u: %.0f/s, p50 %.3f ms, p99 %.3f ms, %.1f s "
    "CPU a million, failed %llu\n",
    connections, double(stored) / span, took.ms(0.5), took.ms(0.99),
    cpu * 1e6 / double(std::max<std::uint64_t>(stored, 1)),
    static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

int produce_binary(const load_target& target, int argc, char** argv) {
  auto connections = number(argc, argv, "connections", 4);
  auto in_flight = number(argc, argv, "in_flight", 8);
  auto records = number(argc, argv, "records", 100);
  auto seconds = number(argc, argv, "seconds", 4);
  auto bytes = number(argc, argv, "bytes", 100);
  auto cpu = cpu_seconds(target.pid);
  auto stored =
    records
    * produce_binary_for(target.port, target.name, connections, in_flight,
                         records, bytes, std::chrono::seconds{seconds});
  cpu = cpu_seconds(target.pid) - cpu;
  std::printf("produce binary connections %u, %u in a frame, %u frames in "
              "flight: %.0f messages/s, %.2f s CPU a million\n",
              connections, records, in_flight, double(stored) / seconds,
              cpu * 1e6 / double(std::max<std::uint64_t>(stored, 1)));
  return stored > 0 ? 0 : 1;
}

int polls(const load_target& target, int argc, char** argv) {
  auto binary = std::uint16_t(number(argc, argv, "binary_port", 9254));
  auto messages = number(argc, argv, "messages", 1'000'000);
  auto bytes = number(argc, argv, "bytes", 100);
  auto accept = option(argc, argv, "accept", "*/*");
  auto wanted = std::uint64_t(messages);
  auto stored =
    100
    * produce_binary_for(binary, target.name, 8, 8, 100, bytes, 120s, wanted);
  poller client{target.port};
  client.ask(register_request(target.name, target.name, true));
  auto poll =
    plain_request("POST", "/v1/consumer/poll?consumerId=" + target.name,
                  "Accept: " + accept + "\r\n", {});
  std::uint64_t got = 0;
  std::uint64_t asked = 0;
  auto cpu = cpu_seconds(target.pid);
  auto begun = bench_clock::now();
  while (got < stored && bench_clock::now() - begun < 60s) {
    auto reply = client.ask(poll);
    ++asked;
    if (reply.status != 200)
      break;
    if (accept == "application/json") {
      for (auto at = reply.body.find("{\"data\""); at != std::string_view::npos;
           at = reply.body.find("{\"data\"", at + 1))
        ++got;
    } else
      each_record(reply.body, [&](std::string_view) { ++got; });
  }
  auto span = std::chrono::duration<double>(bench_clock::now() - begun).count();
  cpu = cpu_seconds(target.pid) - cpu;
  std::printf(
    "polls %s: %.0f messages/s in %.0f polls/s, %.2f s CPU a million, "
    "%llu of %llu\n",
    accept.c_str(), double(got) / span, double(asked) / span,
    cpu * 1e6 / double(std::max<std::uint64_t>(got, 1)),
    static_cast<unsigned long long>(got),
    static_cast<unsigned long long>(stored));
  return got >= stored ? 0 : 1;
}

int receive(const load_target& target, int argc, char** argv) {
  auto consumer = std::uint16_t(number(argc, argv, "consumer_port", 9252));
  auto rate = number(argc, argv, "rate", 1000);
  auto seconds = number(argc, argv, "seconds", 4);
  latencies took;
  poller client{consumer};
  client.ask(register_request(target.name, target.name, true));
  auto poll =
    plain_request("POST", "/v1/consumer/poll?consumerId=" + target.name,
                  "Prefer: wait=20\r\n", {});
  auto messages = rate * seconds;
  // The time at which a message was meant to be sent is in the message.
  std::thread producing{[&] {
    boost::asio::io_context io;
    std::deque<std::unique_ptr<connection>> idle;
    std::vector<std::unique_ptr<connection>> busy;
    auto begun = bench_clock::now();
    for (unsigned i = 0; i < 64; ++i) {
      auto one = std::make_unique<connection>(io, target.port);
      auto* at = one.get();
      one->on_reply = [&idle, &busy, at](const http_reply&) {
        for (auto& b : busy)
          if (b.get() == at) {
            idle.push_back(std::move(b));
            std::swap(b, busy.back());
            busy.pop_back();
            return;
          }
      };
      idle.push_back(std::move(one));
    }
    for (unsigned i = 0; i < messages; ++i) {
      auto due = begun + std::chrono::microseconds{1'000'000ULL * i / rate};
      while (bench_clock::now() < due || idle.empty()) {
        io.restart();
        io.run_one_for(std::min<bench_clock::duration>(
          1ms,
          std::max<bench_clock::duration>(due - bench_clock::now(), 50us)));
      }
      busy.push_back(std::move(idle.front()));
      idle.pop_front();
      busy.back()->send(plain_request(
        "POST",
        "/v1/topic/" + target.name + "/messages?partitionKey=key-"
          + std::to_string(i % 97),
        "Content-Type: application/json\r\n",
        std::to_string(due.time_since_epoch() / std::chrono::nanoseconds{1})));
    }
    io.restart();
    io.run_for(1s);
  }};
  std::uint64_t got = 0;
  auto end = bench_clock::now() + std::chrono::seconds{seconds + 20};
  while (got < messages && bench_clock::now() < end) {
    auto reply = client.ask(poll);
    if (reply.status == 200)
      each_record(reply.body, [&](std::string_view text) {
        ++got;
        auto sent = std::strtoll(std::string{text}.c_str(), nullptr, 10);
        took.add(bench_clock::now()
                 - bench_clock::time_point{std::chrono::nanoseconds{sent}});
      });
  }
  producing.join();
  std::printf("receive at %u/s: p50 %.2f ms, p99 %.2f ms, %llu of %u\n", rate,
              took.ms(0.5), took.ms(0.99), static_cast<unsigned long long>(got),
              messages);
  return got == messages ? 0 : 1;
}

} // namespace callboard::bench
