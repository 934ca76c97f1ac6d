// Callboard over HTTP/1.1: a POST a batch; the settle route with `next`, or
// Event Store's routes, a GET and a POST a batch.
#include "bench/compare_peer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace callboard::bench {

namespace {

constexpr std::string_view login = // admin:changeit
  "Host: bench\r\nAuthorization: Basic YWRtaW46Y2hhbmdlaXQ=\r\n";

class callboard_http : public peer {
public:
  using peer::peer;

  void prepare() override {
    expect(answer::prepared);
    request("PUT " + group(), R"({"messageTimeoutMilliseconds":600000})");
  }

  void publish(unsigned count, std::int64_t stamp) override {
    expect(answer::published);
    publishing_ = count;
    body_.clear();
    head_ =
      "POST /streams/" + settings_.stream + " HTTP/1.1\r\nHost: bench\r\n";
    if (settings_.delay_seconds > 0)
      head_ += "Delay: " + std::to_string(settings_.delay_seconds) + "s\r\n";
    if (count == 1) {
      head_ += "Content-Type: application/json\r\nES-EventType: t\r\n"
               "ES-EventId: ";
      append_id(head_);
      head_ += "\r\n";
      append_message(body_, stamp);
    } else {
      head_ += "Content-Type: application/vnd.eventstore.events+json\r\n";
      for (unsigned i = 0; i < count; ++i) {
        body_.append(i == 0 ? R"([{"eventId":")" : R"(,{"eventId":")");
        append_id(body_);
        body_.append(R"(","eventType":"t","data":)");
        append_message(body_, stamp);
        body_.push_back('}');
      }
      body_.push_back(']');
    }
    out.append(head_).append("Content-Length: ");
    out.append(std::to_string(body_.size())).append("\r\n\r\n").append(body_);
  }

  std::size_t read(std::string_view in) override {
    if (in.size() < wanted_)
      return 0;
    auto end = in.find("\r\n\r\n");
    if (end == std::string_view::npos)
      return 0;
    constexpr std::string_view name = "Content-Length: ";
    auto at = in.substr(0, end).find(name);
    std::size_t length = 0;
    if (at != std::string_view::npos)
      std::from_chars(in.data() + at + name.size(), in.data() + end, length);
    wanted_ = end + 4 + length;
    if (in.size() < wanted_)
      return 0;
    unsigned status = 0;
    std::from_chars(in.data() + 9, in.data() + 12, status);
    auto body = in.substr(end + 4, length);
    auto size = std::exchange(wanted_, 0); // the next one's is not known yet
    auto ok = status == 201 || status == 200 || status == 202
              || (status == 409 && expected_ == answer::prepared);
    if (!ok)
      refused("callboard", in.substr(0, size));
    if (expected_ == answer::prepared)
      on_ready();
    else if (expected_ == answer::published)
      on_confirmed(publishing_);
    else
      on_answer(body);
    return size;
  }

protected:
  enum class answer { prepared, published, consumed };

  virtual void on_answer(std::string_view body) = 0;

  void expect(answer what) { expected_ = what; }

  std::string group() const {
    return "/subscriptions/" + settings_.stream + "/" + settings_.group;
  }

  /// With a login, as consuming needs one.
  void request(const std::string& line, std::string_view body,
               std::string_view more = "Content-Type: application/json\r\n") {
    out.append(line).append(" HTTP/1.1\r\n").append(login).append(more);
    out.append("Content-Length: ").append(std::to_string(body.size()));
    out.append("\r\n\r\n").append(body);
  }

private:
  /// A new UUID: the run's eight digits and a count.
  void append_id(std::string& to) const {
    static std::uint64_t ids = 0;
    std::array<char, 40> text;
    auto n = std::snprintf(text.data(), text.size(),
                           "%.8s-0000-4000-8000-%012llx", settings_.run.c_str(),
                           static_cast<unsigned long long>(++ids));
    to.append(text.data(), std::size_t(n));
  }

  answer expected_ = answer::prepared;
  unsigned publishing_ = 0;
  std::size_t wanted_ = 0; // bytes of the answer that is under way
  std::string head_;
  std::string body_;
};

class by_settle final : public callboard_http {
public:
  using callboard_http::callboard_http;

  void consume() override {
    // a settle that waits answers for its acks after the wait
    next_ = R"("next":{"count":)" + std::to_string(settings_.fetch)
            + (settings_.eager ? R"(,"wait":"2s"}})" : "}}");
    line_ = "POST " + group() + "/settle";
    expect(answer::consumed);
    request(line_, "{" + next_);
  }

  void idle() override {
    if (std::exchange(drained_, false))
      request(line_, "{" + next_);
  }

private:
  void on_answer(std::string_view body) override {
    constexpr std::string_view applied = R"("applied")";
    auto at = body.substr(0, body.find(R"("events")")).find(applied);
    if (at != std::string_view::npos) {
      auto digit = body.find_first_of("0123456789", at);
      unsigned count = 0;
      std::from_chars(body.data() + digit, body.data() + body.size(), count);
      if (count != leases_taken_)
        refused("not all was settled", body);
      on_settled(taken_);
    } else if (taken_ > 0) {
      refused("nothing was settled", body);
    }
    // each event's lease: mostly one for all of them
    constexpr std::string_view lease = R"("lease")";
    taken_ = 0;
    leases_taken_ = 0;
    leases_.clear();
    std::string_view last;
    for (at = body.find(lease); at != std::string_view::npos;
         at = body.find(lease, at)) {
      auto from = body.find('"', at + lease.size());
      auto name = body.substr(from, body.find('"', from + 1) + 1 - from);
      at = from + name.size();
      if (name != last) {
        leases_.append(leases_.empty() ? "" : ",").append(name);
        ++leases_taken_;
      }
      last = name;
      ++taken_;
      on_delivered(stamp_of(body.substr(at)));
    }
    if (taken_ == 0 && !settings_.eager) {
      drained_ = true;
      return;
    }
    body_ = "{";
    if (taken_ > 0)
      body_.append(R"("ack":[)").append(leases_).append("],");
    request(line_, body_.append(next_));
  }

  std::string next_;
  std::string line_;
  std::string body_;
  std::string leases_;
  unsigned leases_taken_ = 0;
  unsigned taken_ = 0; // events
  bool drained_ = false;
};

class by_event_store final : public callboard_http {
public:
  using callboard_http::callboard_http;

  void consume() override {
    expect(answer::consumed);
    fetch();
  }

  void idle() override {
    if (std::exchange(drained_, false))
      fetch();
  }

private:
  void fetch() {
    const std::string accept =
      "Accept: application/vnd.eventstore.competingatom+json\r\n";
    request("GET " + group() + "/" + std::to_string(settings_.fetch)
              + "?embed=body",
            "", settings_.eager ? "ES-LongPoll: 2\r\n" + accept : accept);
  }

  void on_answer(std::string_view body) override {
    if (taken_ > 0) { // that was the ack's
      on_settled(std::exchange(taken_, 0));
      return fetch();
    }
    constexpr std::string_view ack_all = "/ack?ids=";
    auto at = body.find(ack_all);
    if (at == std::string_view::npos && settings_.eager)
      return fetch();
    if (at == std::string_view::npos) {
      drained_ = true;
      return;
    }
    at += ack_all.size();
    auto ids = body.substr(at, body.find('"', at) - at);
    taken_ = unsigned(std::count(ids.begin(), ids.end(), ',')) + 1;
    for (auto found = body.find(stamp_mark); found != std::string_view::npos;
         found = body.find(stamp_mark, found + 1))
      on_delivered(stamp_of(body.substr(found)));
    request("POST " + group() + "/ack?ids=" + std::string{ids}, "");
  }

  unsigned taken_ = 0;
  bool drained_ = false;
};

} // namespace

std::unique_ptr<peer> make_callboard(const peer_settings& settings,
                                     bool settle) {
  if (settle)
    return std::make_unique<by_settle>(settings);
  return std::make_unique<by_event_store>(settings);
}

} // namespace callboard::bench
