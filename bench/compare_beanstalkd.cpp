// beanstalkd: put; reserve and delete one by one, pipelined.
#include "bench/compare_peer.hpp"

#include <algorithm>
#include <charconv>
#include <deque>

namespace callboard::bench {

namespace {

class beanstalkd final : public peer {
public:
  using peer::peer;

  void open() override {
    out.append("use " + settings_.stream + "\r\nwatch " + settings_.stream
               + "\r\nignore default\r\n");
    expected_.insert(expected_.end(),
                     {answer::used, answer::used, answer::ready});
  }

  void publish(unsigned count, std::int64_t stamp) override {
    for (unsigned i = 0; i < count; ++i) {
      out.append("put 0 ").append(std::to_string(settings_.delay_seconds));
      out.append(" 600 ").append(std::to_string(settings_.bytes));
      out.append("\r\n");
      append_message(out, stamp);
      out.append("\r\n");
      expected_.push_back(answer::put);
    }
  }

  void consume() override {
    // only the first one waits: the others take what is there
    out.append("reserve-with-timeout 2\r\n");
    expected_.push_back(answer::reserved);
    for (unsigned i = 1; i < settings_.fetch; ++i) {
      out.append("reserve-with-timeout 0\r\n");
      expected_.push_back(answer::reserved);
    }
    reserving_ = settings_.fetch;
  }

  std::size_t read(std::string_view in) override {
    std::size_t used = 0;
    unsigned put = 0;
    while (used < in.size()) {
      auto end = in.find("\r\n", used);
      if (end == std::string_view::npos)
        break;
      auto line = in.substr(used, end - used);
      end += 2;
      auto what = expected_.front();
      if (what == answer::put) {
        if (!line.starts_with("INSERTED"))
          refused("put", line);
        ++put;
      } else if (what == answer::deleted) {
        if (line != "DELETED")
          refused("delete", line);
        on_settled(1);
      } else if (what == answer::reserved && line.starts_with("RESERVED ")) {
        auto space = line.find(' ', 9);
        std::size_t bytes = 0;
        std::from_chars(line.data() + space + 1, line.data() + line.size(),
                        bytes);
        if (in.size() < end + bytes + 2)
          break;
        on_delivered(stamp_of(in.substr(end, bytes)));
        deletes_.append("delete ").append(line.substr(9, space - 9));
        deletes_.append("\r\n");
        ++deleting_;
        end += bytes + 2;
      } else if (what == answer::reserved && line != "TIMED_OUT") {
        refused("reserve", line);
      } else if (what == answer::ready) {
        on_ready();
      }
      used = end;
      expected_.pop_front();
      if (what == answer::reserved && --reserving_ == 0)
        settle();
    }
    if (put > 0)
      on_confirmed(put);
    return used;
  }

private:
  enum class answer { used, ready, put, reserved, deleted };

  void settle() {
    out.append(deletes_);
    expected_.insert(expected_.end(), deleting_, answer::deleted);
    deletes_.clear();
    deleting_ = 0;
    consume();
  }

  std::deque<answer> expected_; // they come in order
  unsigned reserving_ = 0;      // answers to come
  std::string deletes_;
  std::size_t deleting_ = 0;
};

} // namespace

std::unique_ptr<peer> make_beanstalkd(const peer_settings& settings) {
  return std::make_unique<beanstalkd>(settings);
}

} // namespace callboard::bench
