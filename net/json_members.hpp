// The members of one JSON object, a line each, appended to a string.
#pragma once

#include "net/json_text.hpp"

#include <concepts>
#include <string>
#include <string_view>

namespace callboard {

/// Starts a line at an indentation of two spaces a level.
inline void append_line(std::string& out, std::size_t depth) {
  out += '\n';
  out.append(2 * depth, ' ');
}

/// Writes one object at `depth`: begins it when made, ends it with `end`. Names
/// are written as they are; they must need no escaping.
class json_members {
public:
  json_members(std::string& out, std::size_t depth) : out_(out), depth_(depth) {
    out_ += '{';
  }

  std::size_t depth() const noexcept { return depth_; }

  /// Begins a member; its value is for the caller to append.
  void name(std::string_view name) {
    // The commonest call of a feed: one piece of memory, written once.
    auto begun = out_.size();
    auto indent = 2 * (depth_ + 1);
    std::size_t comma = empty_ ? 0 : 1;
    empty_ = false;
    out_.resize(begun + comma + 1 + indent + 1 + name.size() + 3, ' ');
    auto* at = out_.data() + begun;
    if (comma != 0)
      *at++ = ',';
    *at++ = '\n';
    at += indent;
    *at++ = '"';
    at += name.copy(at, name.size());
    at[0] = '"';
    at[1] = ':'; // and a space
  }

  void text(std::string_view called, std::string_view value) {
    name(called);
    append_json_string(out_, value);
  }

  void number(std::string_view called, std::integral auto value) {
    name(called);
    append_number(out_, value);
  }

  void flag(std::string_view called, bool value) {
    name(called);
    out_ += value ? "true" : "false";
  }

  void null(std::string_view called) {
    name(called);
    out_ += "null";
  }

  void end() {
    if (!empty_)
      append_line(out_, depth_);
    out_ += '}';
  }

private:
  std::string& out_;
  std::size_t depth_;
  bool empty_ = true;
};

} // namespace callboard
