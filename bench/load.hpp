// What the load scenarios share: requests to a running broker, and the
// scenarios.
#pragma once

#include "bench/http_load.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace callboard::bench {

struct load_target {
  std::uint16_t port = 2113;
  long pid = 0;     // of the broker: its CPU and memory are measured
  std::string name; // of streams, new in each run
};

std::string new_id();

/// A JSON object of about `bytes` bytes.
std::string payload(std::size_t bytes);

std::string publish_request(const std::string& stream, const std::string& data,
                            unsigned batch);

/// As admin:changeit; `more` are further header lines, each with its CRLF.
std::string request(const char* verb, const std::string& path,
                    const std::string& more = {}, const std::string& body = {});

void set_metadata(const load_target& target, const std::string& stream,
                  const std::string& body);

void create_group(const load_target& target, const std::string& stream,
                  const std::string& body,
                  const std::string& group = "g");

/// Publishes in batches of 100 until `events` are there, in turn to `streams`
/// streams (`stream` itself if it is one); returns how many got a 201.
std::uint64_t fill(const load_target& target, const std::string& stream,
                   std::uint64_t events, std::size_t bytes,
                   std::uint64_t streams = 1);

/// The ids of a competing feed, out of its ackAll link.
std::string_view ack_ids(std::string_view body, std::size_t& count);

// Each scenario prints one line and returns the program's exit code.
int publish(const load_target& target, int argc, char** argv);
int store(const load_target& target, int argc, char** argv);
int consume(const load_target& target, int argc, char** argv);
int pages(const load_target& target, int argc, char** argv);
int deliveries(const load_target& target, int argc, char** argv);
int wake(const load_target& target, int argc, char** argv);
int lateness(const load_target& target, int argc, char** argv);
int idle(const load_target& target, int argc, char** argv);

// Of the Barco dialect, whose ports take the place of the broker's.
int produce(const load_target& target, int argc, char** argv);
int produce_binary(const load_target& target, int argc, char** argv);
int polls(const load_target& target, int argc, char** argv);
int receive(const load_target& target, int argc, char** argv);

} // namespace callboard::bench
