// OpenSSL directly on the socket: Asio's own stream keeps 34 KiB of buffers a
// connection and loses output when a non-blocking socket is full.
#include "net/tls.hpp"

#include <boost/asio/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <utility>

namespace callboard {

namespace {

constexpr std::size_t record_bytes_max = std::size_t{16} << 10;

/// The first entry of this thread's error queue, which it empties: the cause.
std::string first_error() {
  auto code = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code))
    return std::strerror(ERR_GET_REASON(code));
  auto* text = ERR_reason_error_string(code);
  return text ? text : "unknown error";
}

/// Instead of asking at the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

std::shared_ptr<SSL_CTX> make_context() {
  std::shared_ptr<SSL_CTX> out{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  if (!out)
    return nullptr;
  SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
  // A client that ends without saying so is like one on a plain connection:
  // HTTP knows by itself whether a message is complete.
  SSL_CTX_set_options(out.get(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(out.get(), SSL_MODE_ENABLE_PARTIAL_WRITE
                                | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(out.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(out.get(), no_password);
  return out;
}

/// Null, and what is wrong.
std::shared_ptr<SSL_CTX> read_files(const std::string& certificate,
                                    const std::string& key, std::string& why) {
  ERR_clear_error();
  auto out = make_context();
  if (!out)
    why = "TLS is not available: " + first_error();
  else if (SSL_CTX_use_certificate_chain_file(out.get(), certificate.c_str())
           != 1)
    why = "cannot use the certificate in " + certificate + ": " + first_error();
  else if (SSL_CTX_use_PrivateKey_file(out.get(), key.c_str(), SSL_FILETYPE_PEM)
             != 1
           && ERR_GET_REASON(ERR_peek_last_error())
                != X509_R_KEY_VALUES_MISMATCH)
    why = "cannot use the key in " + key + ": " + first_error();
  else if (SSL_CTX_check_private_key(out.get()) != 1)
    why = "the key in " + key + " does not belong to the certificate in "
          + certificate;
  else
    return out;
  ERR_clear_error();
  return nullptr;
}

} // namespace

// --- tls_connection ---------------------------------------------------------

tls_connection::tls_connection(SSL_CTX& context, int socket)
    : ssl_(SSL_new(&context)) {
  if (!ssl_ || SSL_set_fd(ssl_, socket) != 1) {
    SSL_free(ssl_);
    throw std::bad_alloc{};
  }
  SSL_set_accept_state(ssl_);
}

tls_connection::~tls_connection() {
  SSL_free(ssl_);
}

tls_connection::error_code tls_connection::why(int outcome) {
  auto failed = errno;
  auto kind = SSL_get_error(ssl_, outcome);
  switch (kind) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return boost::asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN: return boost::asio::error::eof;
    default: break;
  }
  broken_ = true;
  if (kind == SSL_ERROR_SYSCALL)
    return failed == 0 ? error_code{boost::asio::error::eof}
                       : error_code{failed, boost::system::system_category()};
  spdlog::debug("connection ended by TLS reason={}", first_error());
  return boost::asio::error::connection_aborted;
}

void tls_connection::handshake(error_code& ec) {
  ERR_clear_error();
  errno = 0;
  auto outcome = SSL_do_handshake(ssl_);
  waits_for_room_ = SSL_want_write(ssl_);
  ec = outcome == 1 ? error_code{} : why(outcome);
}

std::size_t tls_connection::read_some(std::span<char> to, error_code& ec) {
  std::size_t total = 0;
  ec = {};
  do {
    std::size_t size = 0;
    ERR_clear_error();
    errno = 0;
    auto outcome =
      SSL_read_ex(ssl_, to.data() + total, to.size() - total, &size);
    waits_for_room_ = SSL_want_write(ssl_);
    if (outcome != 1) {
      if (auto failed = why(outcome); total == 0)
        ec = failed; // else the next call finds it again
      break;
    }
    total += size;
  } while (to.size() - total >= record_bytes_max);
  return total;
}

std::size_t tls_connection::write_some(std::string_view bytes, error_code& ec) {
  std::size_t size = 0;
  ERR_clear_error();
  errno = 0;
  auto outcome = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &size);
  ec = outcome == 1 ? error_code{} : why(outcome);
  return size;
}

void tls_connection::end() {
  if (broken_ || !SSL_is_init_finished(ssl_))
    return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

// --- tls_identity -----------------------------------------------------------

std::shared_ptr<tls_identity>
tls_identity::load(std::string certificate, std::string key, std::string& why) {
  // OpenSSL uses write(2), which raises it when the client has gone.
  std::signal(SIGPIPE, SIG_IGN);
  std::shared_ptr<tls_identity> out{
    new tls_identity{std::move(certificate), std::move(key)}};
  auto wrong = out->reload();
  if (!wrong)
    return out;
  why = std::move(*wrong);
  return nullptr;
}

std::optional<std::string> tls_identity::reload() {
  std::string why;
  auto fresh = read_files(certificate_, key_, why);
  if (!fresh)
    return why;
  std::lock_guard lock{mutex_};
  context_ = std::move(fresh);
  return std::nullopt;
}

std::unique_ptr<tls_connection> tls_identity::accept(int socket) const {
  std::shared_ptr<SSL_CTX> context;
  {
    std::lock_guard lock{mutex_};
    context = context_;
  }
  try {
    return std::make_unique<tls_connection>(*context, socket);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

} // namespace callboard
