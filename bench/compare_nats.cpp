// NATS JetStream: a pull consumer with explicit acks; the last ack of what came
// together asks for an answer, and what came before it was handled before it.
#include "bench/compare_peer.hpp"

#include <array>
#include <charconv>
#include <deque>
#include <vector>

namespace callboard::bench {

namespace {

class nats final : public peer {
public:
  using peer::peer;

  void open() override {
    static int inboxes = 0;
    inbox_ = "_INBOX." + settings_.run + std::to_string(++inboxes);
    out.append(R"(CONNECT {"verbose":false,"pedantic":false,"headers":true,)"
               R"("no_responders":true,"lang":"bench","version":"1"})"
               "\r\nSUB ");
    out.append(inbox_ + ".* 1\r\nPING\r\n");
  }

  void prepare() override {
    auto& name = settings_.stream;
    ask("$JS.API.STREAM.CREATE." + name, ".s",
        R"({"name":")" + name + R"(","subjects":[")" + name
          + R"("],"retention":"limits","storage":"file","num_replicas":1})");
    ask("$JS.API.CONSUMER.DURABLE.CREATE." + name + "." + settings_.group, ".s",
        R"({"stream_name":")" + name + R"(","config":{"durable_name":")"
          + settings_.group
          + R"(","deliver_policy":"all","ack_policy":"explicit",)"
            R"("ack_wait":600000000000,"max_ack_pending":50000}})");
    preparing_ = 2;
  }

  void publish(unsigned count, std::int64_t stamp) override {
    for (unsigned i = 0; i < count; ++i) {
      out.append("PUB ").append(settings_.stream).append(" ").append(inbox_);
      out.append(".p ").append(std::to_string(settings_.bytes)).append("\r\n");
      append_message(out, stamp);
      out.append("\r\n");
    }
  }

  void consume() override {
    ask("$JS.API.CONSUMER.MSG.NEXT." + settings_.stream + "." + settings_.group,
        ".f",
        R"({"batch":)" + std::to_string(settings_.fetch)
          + R"(,"expires":2000000000})");
    wanted_ = settings_.fetch;
  }

  std::size_t read(std::string_view in) override {
    std::size_t used = 0;
    confirmed_ = 0;
    while (used < in.size()) {
      auto end = in.find("\r\n", used);
      if (end == std::string_view::npos)
        break;
      auto line = in.substr(used, end - used);
      end += 2;
      if (line.starts_with("MSG ") || line.starts_with("HMSG ")) {
        std::size_t bytes = 0;
        auto last = line.rfind(' ') + 1;
        std::from_chars(line.data() + last, line.data() + line.size(), bytes);
        if (in.size() < end + bytes + 2)
          break;
        on_message(line, in.substr(end, bytes));
        end += bytes + 2;
      } else if (line == "PING") {
        out.append("PONG\r\n");
      } else if (line == "PONG") {
        on_ready();
      } else if (line.starts_with("-ERR")) {
        refused("nats", line);
      }
      used = end;
    }
    settle(settings_.eager);
    if (confirmed_ > 0)
      on_confirmed(confirmed_);
    return used;
  }

  void idle() override { settle(true); }

private:
  void ask(const std::string& subject, const char* reply,
           const std::string& text) {
    out.append("PUB " + subject + " " + inbox_ + reply + " "
               + std::to_string(text.size()) + "\r\n" + text + "\r\n");
  }

  void on_message(std::string_view line, std::string_view text) {
    if (line[0] == 'H') { // a status: the pull's time is over
      if (text.find(" 408") == std::string_view::npos
          && text.find(" 404") == std::string_view::npos)
        refused("pull", text);
      return consume();
    }
    auto reply = line.find("$JS.ACK.");
    if (reply != std::string_view::npos) {
      acks_.emplace_back(line.substr(reply, line.find(' ', reply) - reply));
      on_delivered(stamp_of(text));
      --wanted_;
      return;
    }
    switch (line[line.find(' ', 4) - 1]) {
      case 'p':
        if (text.find(R"("seq":)") == std::string_view::npos)
          refused("publish", text);
        ++confirmed_;
        return;
      case 'a':
        on_settled(settling_.front());
        settling_.pop_front();
        return;
      default:
        if (text.find(R"("error")") != std::string_view::npos)
          refused("prepare", text);
        if (--preparing_ == 0)
          on_ready();
    }
  }

  void settle(bool part_of_a_batch) {
    if (acks_.empty() || (wanted_ > 0 && !part_of_a_batch))
      return;
    for (std::size_t i = 0; i < acks_.size(); ++i) {
      out.append("PUB ").append(acks_[i]);
      if (i + 1 == acks_.size())
        out.append(" ").append(inbox_).append(".a");
      out.append(" 4\r\n+ACK\r\n");
    }
    settling_.push_back(unsigned(acks_.size()));
    acks_.clear();
    if (wanted_ == 0)
      consume();
  }

  std::string inbox_;
  int preparing_ = 0;
  unsigned confirmed_ = 0;
  unsigned wanted_ = 0; // of the pull
  std::vector<std::string> acks_;
  std::deque<unsigned> settling_;
};

} // namespace

std::unique_ptr<peer> make_nats(const peer_settings& settings) {
  return std::make_unique<nats>(settings);
}

} // namespace callboard::bench
