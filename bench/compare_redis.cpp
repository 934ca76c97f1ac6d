// Redis Streams: XADD; XACK and the next XREADGROUP in one write.
#include "bench/compare_peer.hpp"

#include <charconv>
#include <deque>
#include <optional>
#include <vector>

namespace callboard::bench {

namespace {

void append_bulk(std::string& to, std::string_view text) {
  to.append("$").append(std::to_string(text.size())).append("\r\n");
  to.append(text).append("\r\n");
}

void append_command(std::string& to, std::initializer_list<std::string> words) {
  to.append("*").append(std::to_string(words.size())).append("\r\n");
  for (auto& word : words)
    append_bulk(to, word);
}

/// A RESP value: its strings in order, or its number.
struct resp {
  std::vector<std::string_view> texts;
  long long number = 0;
  bool error = false;

  /// Where the value that begins at `at` ends; nothing if it goes on.
  std::optional<std::size_t> take(std::string_view in, std::size_t at) {
    auto end = in.find("\r\n", at);
    if (end == std::string_view::npos)
      return {};
    char kind = in[at];
    auto line = in.substr(at + 1, end - at - 1);
    end += 2;
    if (kind == '+' || kind == '-') {
      error = kind == '-';
      texts.push_back(line);
      return end;
    }
    long long n = 0;
    std::from_chars(line.data(), line.data() + line.size(), n);
    number = n;
    if (kind == ':' || n < 0)
      return end;
    if (kind == '$') {
      if (in.size() < end + std::size_t(n) + 2)
        return {};
      texts.push_back(in.substr(end, std::size_t(n)));
      return end + std::size_t(n) + 2;
    }
    std::optional<std::size_t> next = end;
    for (long long i = 0; i < n && next; ++i)
      next = *next < in.size() ? take(in, *next) : std::nullopt;
    return next;
  }
};

class redis final : public peer {
public:
  using peer::peer;

  void prepare() override {
    append_command(out, {"XGROUP", "CREATE", settings_.stream, settings_.group,
                         "0", "MKSTREAM"});
    expected_.push_back(answer::prepared);
  }

  void publish(unsigned count, std::int64_t stamp) override {
    for (unsigned i = 0; i < count; ++i) {
      out.append("*5\r\n$4\r\nXADD\r\n");
      append_bulk(out, settings_.stream);
      out.append("$1\r\n*\r\n$1\r\nd\r\n");
      message_.clear();
      append_message(message_, stamp);
      append_bulk(out, message_);
      expected_.push_back(answer::added);
    }
  }

  void consume() override {
    static int consumers = 0;
    auto name = "c" + std::to_string(++consumers);
    append_command(fetch_, {"XREADGROUP", "GROUP", settings_.group, name,
                            "COUNT", std::to_string(settings_.fetch), "BLOCK",
                            "2000", "STREAMS", settings_.stream, ">"});
    fetch();
  }

  std::size_t read(std::string_view in) override {
    std::size_t used = 0;
    unsigned added = 0;
    while (used < in.size()) {
      value_.texts.clear();
      value_.error = false;
      auto end = value_.take(in, used);
      if (!end)
        break;
      used = *end;
      auto what = expected_.front();
      expected_.pop_front();
      if (value_.error && !value_.texts[0].starts_with("BUSYGROUP"))
        refused("redis", value_.texts[0]);
      if (what == answer::added)
        ++added;
      else if (what == answer::settled)
        on_settled(unsigned(value_.number));
      else if (what == answer::fetched)
        settle();
      else
        on_ready();
    }
    if (added > 0)
      on_confirmed(added);
    return used;
  }

private:
  enum class answer { prepared, added, fetched, settled };

  void fetch() {
    out.append(fetch_);
    expected_.push_back(answer::fetched);
  }

  // key, then each entry's id, field and value
  void settle() {
    auto& texts = value_.texts;
    auto count = texts.empty() ? 0 : (texts.size() - 1) / 3;
    if (count > 0) {
      out.append("*").append(std::to_string(3 + count));
      out.append("\r\n$4\r\nXACK\r\n");
      append_bulk(out, settings_.stream);
      append_bulk(out, settings_.group);
      for (std::size_t i = 0; i < count; ++i) {
        append_bulk(out, texts[1 + 3 * i]);
        on_delivered(stamp_of(texts[3 + 3 * i]));
      }
      expected_.push_back(answer::settled);
    }
    fetch();
  }

  std::deque<answer> expected_; // they come in order
  std::string fetch_;
  std::string message_;
  resp value_;
};

} // namespace

std::unique_ptr<peer> make_redis(const peer_settings& settings) {
  return std::make_unique<redis>(settings);
}

} // namespace callboard::bench
