// Which streams there are: those that their reader may read.
#include "actors/core/limits.hpp"
#include "net/all_routes.hpp"
#include "net/eventstore_feed.hpp"
#include "net/eventstore_request.hpp"
#include "net/json_members.hpp"

#include <sodium.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard::all_routes {

namespace {

constexpr std::size_t usual_limit = 100;

// A page may end at a stream that its reader may not read, and whoever could
// begin behind any name would find out hidden ones by trying. So where a page
// goes on is sealed: nonce, then the name, as text.

constexpr int seal_text = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t nonce_bytes = crypto_secretbox_NONCEBYTES;
constexpr std::size_t seal_bytes = nonce_bytes + crypto_secretbox_MACBYTES;

using seal_key = std::array<unsigned char, crypto_secretbox_KEYBYTES>;

/// Of this process: a seal need not outlive it.
const seal_key& key_of_seals() {
  static const seal_key key = [] {
    seal_key fresh;
    crypto_secretbox_keygen(fresh.data());
    return fresh;
  }();
  return key;
}

std::string sealed(std::string_view name) {
  std::vector<unsigned char> bytes(seal_bytes + name.size());
  randombytes_buf(bytes.data(), nonce_bytes);
  crypto_secretbox_easy(bytes.data() + nonce_bytes,
                        reinterpret_cast<const unsigned char*>(name.data()),
                        name.size(), bytes.data(), key_of_seals().data());
  std::string out(sodium_base64_encoded_len(bytes.size(), seal_text), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(),
                    seal_text);
  out.pop_back(); // the NUL behind it
  return out;
}

/// The name that `sealed` has sealed; nothing if this is not from there.
std::optional<std::string> opened(std::string_view seal) {
  std::vector<unsigned char> bytes(seal.size()); // more than enough
  std::size_t size = 0;
  if (sodium_base642bin(bytes.data(), bytes.size(), seal.data(), seal.size(),
                        nullptr, &size, nullptr, seal_text)
        != 0
      || size < seal_bytes)
    return std::nullopt;
  std::string name(size - seal_bytes, '\0');
  if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(name.data()),
                                 bytes.data() + nonce_bytes, size - nonce_bytes,
                                 bytes.data(), key_of_seals().data())
      != 0)
    return std::nullopt;
  return name;
}

accepted<streams_request> read_query(const http_request& request) {
  streams_request out;
  auto after = request.query("after").value_or("");
  if (auto name = after.empty() ? std::string{} : opened(after))
    out.after = std::move(*name);
  else
    return refusal{400, "after is '" + std::string{after.substr(0, 100)}
                          + "'; allowed: the `next` of a page since the "
                            "broker's start. Begin again without it."};
  out.count = usual_limit;
  if (auto text = request.query("limit")) {
    auto limit = parse_integer(*text);
    if (!limit || *limit < 1 || *limit > std::int64_t{limits::page_streams_max})
      return refusal{400, "limit is '" + std::string{text->substr(0, 100)}
                            + "'; allowed: 1 to "
                            + std::to_string(limits::page_streams_max) + "."};
    out.count = static_cast<std::size_t>(*limit);
  }
  if (auto system = request.query("system")) {
    if (*system != "true" && *system != "false")
      return refusal{400, "system is '" + std::string{system->substr(0, 100)}
                            + "'; allowed: true or false."};
    out.system = *system == "true";
  }
  return out;
}

std::string to_json(std::string_view base, const streams_request& asked,
                    const stream_list& list, const std::vector<bool>& shown) {
  std::string out;
  json_members members{out, 0};
  members.name("streams");
  out += '[';
  bool first = true;
  for (std::size_t i = 0; i < list.streams.size(); ++i) {
    if (!shown[i])
      continue;
    if (!std::exchange(first, false))
      out += ',';
    append_line(out, 2);
    json_members one{out, 2};
    one.text("name", list.streams[i].name);
    one.number("lastEventNumber", list.streams[i].last.value);
    one.text("uri", stream_uri(base, list.streams[i].name));
    one.end();
  }
  if (!first)
    append_line(out, 1);
  out += ']';
  if (list.next) {
    auto next = sealed(*list.next);
    auto uri = std::string{base} + "/streams?after=" + next
               + "&limit=" + std::to_string(asked.count);
    if (asked.system)
      uri += "&system=true";
    members.text("next", next);
    members.text("nextUri", uri);
  } else {
    members.null("next");
  }
  members.end();
  return out;
}

/// A list on its way: every name is asked for at once, the last answer ends it.
struct pending_list {
  streams_request asked;
  stream_list_ptr list;
  std::vector<bool> shown;
  std::size_t left = 0;
  bool failed = false;
};

void answer(const services_ptr& services, const http_exchange& exchange,
            const pending_list& all) {
  if (all.failed)
    return exchange.answer(error_answer(errc::unavailable));
  auto& request = exchange.request();
  http_answer out{.content_type = request.response_type->content_type};
  out.add_header("Cache-Control", "max-age=0, no-cache, must-revalidate");
  out.body = to_json(services->base(request), all.asked, *all.list, all.shown);
  exchange.answer(std::move(out));
}

void check_each(const services_ptr& services, const http_exchange& exchange,
                const std::shared_ptr<pending_list>& all) {
  auto one_less = [=] {
    if (--all->left == 0)
      answer(services, exchange, *all);
  };
  for (std::size_t i = 0; i < all->list->streams.size(); ++i)
    services->access->check_stream(
      exchange.request().user.get(), access_rule::read_stream,
      all->list->streams[i].name, exchange.executor(), [=](verdict v) {
        all->shown[i] = v == verdict::granted;
        all->failed = all->failed || v == verdict::unavailable;
        one_less();
      });
  one_less();
}

} // namespace

void list_streams(const services_ptr& services, http_request& request,
                  const http_exchange& exchange) {
  auto asked = read_query(request);
  if (!admitted(asked, exchange))
    return;
  ask_for<stream_list_ptr>(
    services, exchange, services->broker,
    [=](const result<stream_list_ptr>& found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto all = std::make_shared<pending_list>();
      all->asked = *asked;
      all->list = *found;
      all->shown.resize(all->list->streams.size());
      all->left = all->list->streams.size() + 1;
      check_each(services, exchange, all);
    },
    read_atom_v, *asked);
}

} // namespace callboard::all_routes
