// A client that takes an answer part by part, as it is pushed.
#pragma once

#include "tests/support/dialect_fixture.hpp"

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard::test {

struct pushed_event {
  std::string id;
  std::string data;
};

class pushed_client : public answer_collector {
public:
  using answer_collector::answer_collector;

  bool begin_stream(std::uint64_t, http_answer, std::string_view) override {
    return true;
  }

  bool write_part(std::uint64_t, std::string_view part) override {
    if (ended)
      return false;
    ++parts;
    text += part;
    return true;
  }

  void end_stream(std::uint64_t) override { ended = true; }

  /// The events that came since it was asked last; their data is one line.
  std::vector<pushed_event> take() {
    std::vector<pushed_event> out;
    std::istringstream lines{std::exchange(text, {})};
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("id: "))
        out.push_back({line.substr(4), {}});
      else if (line.starts_with("data: "))
        out.back().data = line.substr(6);
    return out;
  }

  std::string text;
  std::size_t parts = 0;
  bool ended = false;
};

} // namespace callboard::test
