// Howard Hinnant's date library: C++20's own has none in older compilers.
#include "actors/time_zones.hpp"

#include <date/tz.h>

#include <exception>

namespace callboard {

namespace {

std::int64_t local_of(const date::time_zone& zone, std::int64_t utc) {
  date::sys_seconds at{std::chrono::seconds{utc}};
  return utc + zone.get_info(at).offset.count();
}

std::int64_t utc_of(const date::time_zone& zone, std::int64_t local) {
  date::local_seconds at{std::chrono::seconds{local}};
  auto found = zone.get_info(at);
  if (found.result == date::local_info::nonexistent)
    return found.first.end.time_since_epoch().count();
  return local - found.first.offset.count();
}

} // namespace

std::optional<time_zone> find_time_zone(const std::string& name) {
  if (name.empty()) {
    auto same = [](std::int64_t x) { return x; };
    return time_zone{same, same};
  }
  // Newer databases have tables ("zonenow.tab") that the library takes for
  // zones, and then aborts. No zone has a dot.
  if (name.find('.') != std::string::npos)
    return std::nullopt;
  try {
    auto* zone = date::locate_zone(name);
    // It reads the file when it is first asked, and throws if it cannot.
    [[maybe_unused]] auto read = zone->get_info(date::sys_seconds{});
    return time_zone{
      [zone](std::int64_t utc) { return local_of(*zone, utc); },
      [zone](std::int64_t local) { return utc_of(*zone, local); }};
  } catch (const std::exception&) { // not known, or no database
    return std::nullopt;
  }
}

} // namespace callboard
