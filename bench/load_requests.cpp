// Requests of the load scenarios, and the filling of a stream.
#include "bench/load.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

namespace callboard::bench {

using namespace std::chrono_literals;

std::string new_id() {
  static std::mt19937_64 random{std::random_device{}()};
  char text[40];
  auto high = random();
  auto low = random();
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-8%03x-%012llx",
                unsigned(high >> 32), unsigned(high >> 16) & 0xffff,
                unsigned(high) & 0xfff, unsigned(low >> 52),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text;
}

std::string payload(std::size_t bytes) {
  return R"({"data":")" + std::string(bytes > 11 ? bytes - 11 : 0, 'x') + "\"}";
}

std::string publish_request(const std::string& stream, const std::string& data,
                            unsigned batch) {
  std::string head = "POST /streams/" + stream + " HTTP/1.1\r\nHost: bench\r\n";
  std::string body;
  if (batch == 1) {
    body = data;
    head += "Content-Type: application/json\r\nES-EventType: t\r\nES-EventId: "
            + new_id() + "\r\n";
  } else {
    head += "Content-Type: application/vnd.eventstore.events+json\r\n";
    for (unsigned i = 0; i < batch; ++i)
      body += (i == 0 ? "[" : ",") + std::string{R"({"eventId":")"} + new_id()
              + R"(","eventType":"t","data":)" + data + "}";
    body += "]";
  }
  return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n"
         + body;
}

std::string request(const char* verb, const std::string& path,
                    const std::string& more, const std::string& body) {
  // admin:changeit
  std::string_view accept =
    more.starts_with("Accept:")
      ? ""
      : "Accept: application/json, "
        "application/vnd.eventstore.competingatom+json\r\n";
  return std::string{verb} + " " + path
         + " HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic "
           "YWRtaW46Y2hhbmdlaXQ=\r\n"
         + std::string{accept} + more
         + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

namespace {

/// One request, waiting for its answer.
http_reply ask(const load_target& target, const std::string& bytes,
               std::string& keep) {
  boost::asio::io_context io;
  connection one{io, target.port};
  http_reply out;
  one.on_reply = [&](const http_reply& reply) {
    keep = std::string{reply.body};
    out = reply;
    out.body = keep;
  };
  one.send(bytes);
  io.run_for(30s);
  return out;
}

} // namespace

void set_metadata(const load_target& target, const std::string& stream,
                  const std::string& body) {
  std::string keep;
  auto reply = ask(target,
                   request("POST", "/streams/" + stream + "/metadata",
                           "Content-Type: application/json\r\nES-EventType: "
                           "$metadata\r\nES-EventId: "
                             + new_id() + "\r\n",
                           body),
                   keep);
  if (reply.status != 201)
    std::fprintf(stderr, "metadata: %u %s\n", reply.status, keep.c_str());
}

void create_group(const load_target& target, const std::string& stream,
                  const std::string& body, const std::string& group) {
  std::string keep;
  auto reply = ask(target,
                   request("PUT", "/subscriptions/" + stream + "/" + group,
                           "Content-Type: application/json\r\n", body),
                   keep);
  if (reply.status != 201)
    std::fprintf(stderr, "create: %u %s\n", reply.status, keep.c_str());
}

std::uint64_t fill(const load_target& target, const std::string& stream,
                   std::uint64_t events, std::size_t bytes,
                   std::uint64_t streams) {
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<connection>> all;
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  auto data = payload(bytes);
  auto next = [&](connection& one) {
    if (sent >= events)
      return;
    auto name =
      streams == 1 ? stream : stream + std::to_string(sent / 100 % streams);
    sent += 100;
    one.send(publish_request(name, data, 100));
  };
  for (int i = 0; i < 8; ++i) {
    all.push_back(std::make_unique<connection>(io, target.port));
    auto* one = all.back().get();
    one->on_reply = [&, one](const http_reply& reply) {
      if (reply.status == 201)
        done += 100;
      next(*one);
    };
    next(*one);
  }
  io.run_for(300s);
  return done;
}

std::string_view ack_ids(std::string_view body, std::size_t& count) {
  auto at = body.find("/ack?ids=");
  count = 0;
  if (at == std::string_view::npos)
    return {};
  auto ids = body.substr(at + 9, body.find('"', at) - at - 9);
  count = std::size_t(std::count(ids.begin(), ids.end(), ',')) + 1;
  return ids;
}

} // namespace callboard::bench
