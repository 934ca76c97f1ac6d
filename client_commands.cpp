// One request with a deadline, and what it means.
#include "client_commands.hpp"

#include "net/base_url.hpp"
#include "net/cluster_options.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/impl/src.hpp> // its compiled half: nobody else uses it
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace callboard {

namespace {

namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;

constexpr std::size_t answer_bytes_max = std::size_t{16} << 20;

struct url_parts {
  bool tls = false;
  std::string host;
  std::string port = "2113";
  std::string target = "/";
};

std::optional<url_parts> read_url(std::string text) {
  url_parts out;
  out.tls = text.starts_with("https://");
  if (out.tls || text.starts_with("http://"))
    text.erase(0, out.tls ? 8 : 7);
  auto slash = std::min(text.find('/'), text.size());
  auto at = read_address(std::string_view{text}.substr(0, slash));
  if (!at || at->host.empty())
    return std::nullopt;
  out.host = at->host;
  if (out.host.front() == '[')
    out.host = out.host.substr(1, out.host.size() - 2);
  if (at->port)
    out.port = std::to_string(*at->port);
  if (slash < text.size())
    out.target = text.substr(slash);
  return out;
}

std::string base64(const std::string& text) {
  auto variant = sodium_base64_VARIANT_ORIGINAL;
  std::string out(sodium_base64_encoded_len(text.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(),
                    reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(), variant);
  out.pop_back(); // the NUL at its end
  return out;
}

struct answer {
  unsigned status = 0; // 0: there is none
  std::string text;    // the body, or why there is none
};

/// Has it believe certificates for `host` only, of those whom this machine or
/// `--ca` trusts; with `--insecure` any.
boost::system::error_code set_trust(ssl::context& of,
                                    const client_options& what,
                                    const std::string& host) {
  boost::system::error_code failed;
  if (what.insecure)
    return failed;
  of.set_verify_mode(ssl::verify_peer);
  of.set_verify_callback(ssl::host_name_verification{host});
  if (what.ca_file.empty())
    of.set_default_verify_paths(failed);
  else
    of.load_verify_file(what.ca_file, failed);
  return failed;
}

/// One request on a connection of its own. Everything is asynchronous: only so
/// does the deadline hold for a node that does not answer at all.
class exchange {
public:
  exchange(boost::asio::io_context& context, url_parts to,
           http::request<http::string_body> request, ssl::context& trust)
      : resolver_(context), stream_(context), to_(std::move(to)),
        request_(std::move(request)) {
    parser_.body_limit(answer_bytes_max);
    if (!to_.tls)
      return;
    tls_.emplace(stream_, trust);
    boost::system::error_code no_address;
    boost::asio::ip::make_address(to_.host, no_address);
    if (no_address) // only names are asked for by name
      SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
               TLSEXT_NAMETYPE_host_name, to_.host.data());
  }

  void start(std::chrono::milliseconds wait_max) {
    stream_.expires_after(wait_max);
    resolver_.async_resolve(to_.host, to_.port, [this](auto ec, auto found) {
      if (ec)
        return fail(ec);
      stream_.async_connect(found, [this](auto failed, const auto&) {
        failed ? fail(failed) : shake_hands();
      });
    });
  }

  answer outcome;

private:
  void shake_hands() {
    if (!tls_)
      return write(stream_);
    tls_->async_handshake(ssl::stream_base::client,
                          [this](auto ec) { ec ? fail(ec) : write(*tls_); });
  }

  template <class Stream>
  void write(Stream& on) {
    http::async_write(on, request_,
                      [this, &on](auto ec, auto) { ec ? fail(ec) : read(on); });
  }

  template <class Stream>
  void read(Stream& on) {
    http::async_read(on, buffer_, parser_, [this](auto ec, auto) {
      if (ec) {
        fail(ec);
        if (!tls_)
          outcome.text += "; a node with TLS needs https:// in front";
        return;
      }
      outcome.status = parser_.get().result_int();
      outcome.text = std::move(parser_.get().body());
    });
  }

  void fail(boost::system::error_code ec) { outcome.text = ec.message(); }

  boost::asio::ip::tcp::resolver resolver_;
  boost::beast::tcp_stream stream_;
  std::optional<ssl::stream<boost::beast::tcp_stream&>> tls_; // on `stream_`
  url_parts to_;
  http::request<http::string_body> request_;
  boost::beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

answer ask_node(const client_options& what, http::verb verb, url_parts to,
                std::string body = {}) {
  http::request<http::string_body> request{verb, to.target, 11};
  request.set(http::field::host, to.host + ":" + to.port);
  request.set(http::field::accept, "application/json");
  if (!what.user.empty())
    request.set(http::field::authorization, "Basic " + base64(what.user));
  if (!body.empty())
    request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  ssl::context trust{ssl::context::tls_client};
  if (to.tls)
    if (auto failed = set_trust(trust, what, to.host))
      return {0, "cannot use the CAs in '" + what.ca_file
                   + "': " + failed.message()};
  boost::asio::io_context context;
  exchange one{context, std::move(to), std::move(request), trust};
  one.start(what.wait_max);
  context.run_for(what.wait_max);
  if (one.outcome.status == 0 && one.outcome.text.empty())
    one.outcome.text = "no answer in time";
  return std::move(one.outcome);
}

int complain(const std::string& text) {
  std::cerr << "callboard: " << text << '\n';
  return 1;
}

/// What was said cannot be meant: no node is asked.
int misused(const std::string& text) {
  complain(text);
  return 2;
}

bool is_node_id(std::string_view text) {
  std::uint16_t id = 0;
  auto* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, id);
  return failed == std::errc{} && stop == end && id != 0;
}

/// What is wrong with what all commands take; empty: nothing.
std::string wrong_with(const client_options& what) {
  if (!read_url(what.url))
    return "'" + what.url
           + "' is no URL: say HOST, HOST:PORT, or http:// or https:// and "
             "these, with a port up to 65535";
  if (!what.user.empty() && what.user.find(':') == std::string::npos)
    return "--user, or CALLBOARD_USER, must be NAME:PASSWORD";
  ssl::context unused{ssl::context::tls_client};
  if (!what.ca_file.empty())
    if (auto failed = set_trust(unused, what, {}))
      return "cannot use the CAs in '" + what.ca_file
             + "': " + failed.message();
  return {};
}

/// The same of what follows the name of an action of `cluster`.
std::string wrong_with_argument(const client_options& what) {
  auto& text = what.argument;
  std::vector<peer_address> node;
  if (what.action == "add")
    return !read_peers(node, text) && node.size() == 1
             ? std::string{}
             : "'" + text
                 + "' is not ID=HOST:PORT of a node's --cluster, for example "
                   "4=10.0.0.4:2114";
  bool may_be_left_out = what.action != "remove";
  return (text.empty() && may_be_left_out) || is_node_id(text)
           ? std::string{}
           : "'" + text + "' is no node: its id is a number from 1 to 65535";
}

} // namespace

int ask_health(const client_options& what) {
  if (auto wrong = wrong_with(what); !wrong.empty())
    return misused(wrong);
  auto to = read_url(what.url);
  if (to->target == "/")
    to->target = "/health/ready";
  auto got = ask_node(what, http::verb::get, *to);
  if (got.status >= 200 && got.status < 300)
    return 0;
  return complain(
    what.url + ": "
    + (got.status == 0 ? got.text : "status " + std::to_string(got.status)));
}

int command_cluster(const client_options& what) {
  for (auto& wrong : {wrong_with(what), wrong_with_argument(what)})
    if (!wrong.empty())
      return misused(wrong);
  auto to = read_url(what.url);
  auto verb = http::verb::get;
  to->target = "/cluster";
  std::string body;
  if (what.action == "transfer" || what.action == "drain") {
    verb = http::verb::post;
    to->target += "/" + what.action;
    if (!what.argument.empty())
      to->target +=
        (what.action == "drain" ? "?node=" : "?to=") + what.argument;
  } else if (what.action == "add") {
    auto equals = what.argument.find('=');
    verb = http::verb::post;
    to->target += "/members";
    body = "{\"id\":" + what.argument.substr(0, equals) + ",\"address\":\""
           + what.argument.substr(equals + 1) + "\"}";
  } else if (what.action == "remove") {
    verb = http::verb::delete_;
    to->target += "/members/" + what.argument;
  }
  auto got = ask_node(what, verb, *to, std::move(body));
  if (got.status == 0)
    return complain(what.url + ": " + got.text);
  std::cout << got.text << (got.text.ends_with('\n') ? "" : "\n");
  return got.status >= 200 && got.status < 300
           ? 0
           : complain("status " + std::to_string(got.status));
}

} // namespace callboard
