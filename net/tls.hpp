// TLS on a listener's connections: no other file of this folder uses OpenSSL.
#pragma once

#include <boost/system/error_code.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct ssl_st; // OpenSSL's, so that nobody else needs its headers
struct ssl_ctx_st;

namespace callboard {

/// The server's side of one TLS connection, 1.2 or newer, on a non-blocking
/// socket that it does not own. The calls are those of such a socket: they do
/// what can be done at once, else fail with `would_block`.
class tls_connection {
public:
  using error_code = boost::system::error_code;

  tls_connection(ssl_ctx_st& context, int socket);
  tls_connection(const tls_connection&) = delete;
  tls_connection& operator=(const tls_connection&) = delete;
  ~tls_connection();

  /// Errors: `would_block` until the client has done its part.
  void handshake(error_code& ec);

  /// Takes all that has come while `to` has room for a whole record (16 KiB),
  /// so that the socket tells whether there is more. Errors: `eof` too.
  std::size_t read_some(std::span<char> to, error_code& ec);

  /// After `would_block` the next call must begin with the same bytes.
  std::size_t write_some(std::string_view bytes, error_code& ec);

  /// Tells the client that nothing more will come, if that is possible at once.
  void end();

  /// What failed with `would_block` last waits for room to write, not for
  /// input: `read_some` or `handshake`; `write_some` never waits for input.
  bool waits_for_room() const noexcept { return waits_for_room_; }

private:
  error_code why(int outcome);

  ssl_st* ssl_;
  bool waits_for_room_ = false;
  bool broken_ = false;
};

/// The certificate and key that a listener shows. From any thread.
class tls_identity {
public:
  /// PEM files; the certificate's may hold the chain behind it. Null, and a
  /// line about what is wrong with which file.
  static std::shared_ptr<tls_identity> load(std::string certificate,
                                            std::string key, std::string& why);

  /// Reads the files again, for the connections to come. Returns what is wrong;
  /// then the old ones stay.
  std::optional<std::string> reload();

  /// Null if there is no memory.
  std::unique_ptr<tls_connection> accept(int socket) const;

private:
  tls_identity(std::string certificate, std::string key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}

  std::string certificate_;
  std::string key_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
};

} // namespace callboard
