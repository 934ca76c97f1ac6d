// Marks in names: set, found, taken away.
#include "actors/core/topics.hpp"

#include "actors/core/names.hpp"

#include <utility>

namespace callboard {

namespace {

/// `name` with `home`, a piece of it, replaced.
std::string with_home(std::string_view name, std::string_view home,
                      std::string_view by) {
  auto begin = std::size_t(home.data() - name.data());
  std::string out{name.substr(0, begin)};
  return out.append(by).append(name.substr(begin + home.size()));
}

bool ends_in_mark(std::string_view name) noexcept {
  auto at = name.find_last_not_of("0123456789");
  return at != std::string_view::npos && name[at] == '@'
         && at + 1 < name.size();
}

} // namespace

std::string topic_stream(const ring& placement, std::string_view topic,
                         partition_id part) {
  if (placement.home_of(topic) == part)
    return std::string{topic};
  auto home = home_stream(topic);
  return with_home(topic, home,
                   std::string{home} + "@" + std::to_string(part.value));
}

topic_part part_of(const ring& placement, std::string_view stream) {
  auto name = canonical_stream(placement, stream);
  auto part = placement.home_of(name);
  auto home = home_stream(name);
  if (auto mark = read_mark(home, placement.partitions()))
    name = with_home(name, home, mark->name);
  return {std::move(name), part};
}

std::string canonical_stream(const ring& placement, std::string_view stream) {
  std::string out{stream};
  for (;;) {
    auto home = home_stream(out);
    auto mark = read_mark(home, placement.partitions());
    if (!mark || mark->name.empty() // no stream has an empty name
        || placement.home_of(mark->name).value != mark->partition)
      return out;
    auto shorter = with_home(out, home, mark->name);
    if (home_stream(shorter) != mark->name)
      return out; // `a:@1::b`: it would be split elsewhere
    out = std::move(shorter);
  }
}

bool looks_like_part(std::string_view topic) noexcept {
  return ends_in_mark(topic) || ends_in_mark(home_stream(topic));
}

} // namespace callboard
