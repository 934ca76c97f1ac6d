// Media ranges, q-values and the names that `format=` takes.
#include "net/negotiation.hpp"

#include "net/ascii.hpp"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <charconv>

namespace callboard {

namespace {

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view blank = " \t";
  auto begin = std::min(text.find_first_not_of(blank), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(blank) + 1);
}

/// `rest` loses all up to a separator outside of quotes, which goes too.
std::string_view take_until(std::string_view& rest, char separator) noexcept {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < rest.size() && (quoted || rest[i] != separator); ++i)
    if (rest[i] == '"')
      quoted = !quoted;
    else if (quoted && rest[i] == '\\')
      ++i;
  i = std::min(i, rest.size());
  auto head = rest.substr(0, i);
  rest.remove_prefix(std::min(i + 1, rest.size()));
  return head;
}

/// The value of a parameter such as `;charset=utf-8`, without its quotes.
std::optional<std::string_view> parameter(std::string_view parameters,
                                          std::string_view name) noexcept {
  while (!parameters.empty()) {
    auto value = take_until(parameters, ';');
    if (!iequals(trim(take_until(value, '=')), name))
      continue;
    value = trim(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return std::nullopt;
}

struct media_range {
  std::string_view range;
  double quality = 1;
};

media_range read_range(std::string_view text) noexcept {
  media_range out{trim(take_until(text, ';'))};
  if (auto q = parameter(text, "q"))
    std::from_chars(q->data(), q->data() + q->size(), out.quality);
  if (!(out.quality >= 0 && out.quality <= 1)) // also for a NaN
    out.quality = 1;
  return out;
}

bool suits(std::string_view type, std::string_view range) noexcept {
  if (range == "*/*" || range == "*" || iequals(type, range))
    return true;
  return range.ends_with("/*")
         && iequals(type.substr(0, type.find('/') + 1),
                    range.substr(0, range.size() - 1));
}

const media_type* find(std::span<const media_type> offered,
                       std::string_view range) noexcept {
  auto found = std::find_if(offered.begin(), offered.end(), [range](auto& t) {
    return suits(t.name(), range);
  });
  return found == offered.end() ? nullptr : &*found;
}

struct format_name {
  std::string_view format;
  media_type type;
};

constexpr format_name format_names[] = {
  {"json", media::json},
  {"text", media::text},
  {"xml", media::text_xml},
  {"atom", media::atom_xml},
  {"atomxj", media::k_atom_json},
  {"atomxj", media::es_atom_json},
  {"atomsvc", media::atom_service_xml},
  {"atomsvcxj", media::k_atom_service_json},
  {"atomsvcxj", media::es_atom_service_json},
};

const media_type* find_format(std::span<const media_type> offered,
                              std::string_view format) noexcept {
  for (auto& [name, type] : format_names)
    if (name == format)
      if (auto* found = find(offered, type.name()))
        return found;
  return nullptr;
}

} // namespace

const media_type*
choose_request_type(std::optional<std::string_view> content_type,
                    std::span<const media_type> known) noexcept {
  if (!content_type)
    return nullptr;
  auto rest = *content_type;
  auto range = trim(take_until(rest, ';'));
  if (auto charset = parameter(rest, "charset");
      charset && !iequals(*charset, "utf-8"))
    return nullptr;
  auto found = std::find_if(known.begin(), known.end(), [range](auto& type) {
    return type.name() == range;
  });
  return found == known.end() ? nullptr : &*found;
}

const media_type* choose_response_type(std::optional<std::string_view> accept,
                                       std::optional<std::string_view> format,
                                       std::span<const media_type> offered) {
  if (offered.empty())
    return nullptr;
  if (format)
    return find_format(offered, *format);
  if (!accept || trim(*accept).empty())
    return &offered.front();
  boost::container::small_vector<media_range, 8> ranges;
  for (auto rest = *accept; !rest.empty();)
    ranges.push_back(read_range(take_until(rest, ',')));
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](auto& a, auto& b) { return a.quality > b.quality; });
  for (auto& range : ranges)
    if (auto* found = find(offered, range.range))
      return found;
  return nullptr;
}

} // namespace callboard
