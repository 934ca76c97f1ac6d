// Bytes to one request, with every bound on what a client may send.
#pragma once

#include "net/http.hpp"
#include "net/http_body.hpp"
#include "net/http_limits.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <optional>
#include <string>

namespace callboard {

/// Reads one request; a fresh one for the next. Refuses what two readers could
/// understand in two ways (request smuggling): `Content-Length` twice or next
/// to `Transfer-Encoding`, any transfer coding but `chunked`, chunks in
/// HTTP/1.0, folded header lines, a host in the target that is not `Host`.
/// Trailers are read over.
///
///     header --"\r\n\r\n"--> body --all of it--> done
///        └───────── refused ──┘
class http_reader : private boost::beast::http::basic_parser<true> {
public:
  /// `ahead`: for room for bodies before they come.
  explicit http_reader(const http_limits& limits, http_budget* ahead = nullptr);

  /// Takes what it can use from the front of `input`; the rest is to be given
  /// again, with what has arrived since, or belongs to the next request.
  /// Errors: the answer to send before closing.
  accepted<std::size_t> read(std::string_view input);

  /// Something of the request is here.
  bool started() const noexcept { return got_some(); }

  bool header_done() const noexcept { return is_header_done(); }

  bool done() const noexcept { return is_done(); }

  /// The client waits for `100 Continue` before it sends the body.
  bool expects_continue() const noexcept;

  /// What is here of the body.
  std::size_t body_size() const noexcept { return body_.size(); }

  /// HTTP/1.0.
  bool old_client() const noexcept { return version_ < 11; }

  /// Once it is done; leaves nothing.
  http_request take();

private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  // What basic_parser calls, in this order.
  void on_request_impl(http_verb method, string_view method_text,
                       string_view target, int version,
                       error_code& ec) override;
  void on_field_impl(http_field field, string_view name, string_view value,
                     error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         error_code& ec) override;
  std::size_t on_body_impl(string_view body, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t size, string_view extensions,
                            error_code& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view body,
                                 error_code& ec) override;
  void on_finish_impl(error_code& ec) override;
  void on_response_impl(int status, string_view reason, int version,
                        error_code& ec) override;

  refusal why(error_code ec, std::string_view input) const;
  bool is_folded(std::string_view name, std::string_view value) const;
  std::optional<refusal> check_length() const;
  std::optional<refusal> check_host() const;
  void refuse(refusal why, error_code& ec);

  const http_limits& limits_;
  http_budget* ahead_;
  http_request request_;
  std::optional<refusal> refusal_;
  http_body body_;
  std::string_view input_; // what is being parsed
  std::string authority_;  // of a target in absolute form
  std::size_t header_bytes_ = 0;
  std::size_t header_count_ = 0;
  int version_ = 11;
};

} // namespace callboard
