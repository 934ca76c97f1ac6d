// Two introductions, two proofs.
#include "net/cluster_handshake.hpp"

#include "net/little_endian.hpp"

#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace callboard {

namespace {

// An introduction: `magic 8 | version 2 | length 2`, the same in all versions,
// then `from 8 | to 8 | nonce 32 | cluster`.
constexpr std::string_view magic = "cb-node\n";
constexpr std::size_t head_bytes = 12;
constexpr std::size_t nonce_bytes = 32;
constexpr std::size_t introduction_bytes_min = 16 + nonce_bytes;
constexpr std::size_t introduction_bytes_max =
  introduction_bytes_min + cluster_name_bytes_max;

// A verdict: `handshake_error 1 | length 2`, then `proof 32 | hello` if there
// is no error.
constexpr std::size_t verdict_head_bytes = 3;
constexpr std::size_t proof_bytes = 32;
constexpr std::size_t verdict_bytes_max = proof_bytes + cluster_hello_bytes_max;

using role = cluster_handshake::role;

std::string_view proof_label(role of) {
  return of == role::dialer ? "proof of dialer" : "proof of acceptor";
}

void append_number(std::string& out, std::uint64_t x, std::size_t bytes) {
  std::array<char, 8> to{};
  put_little_endian(to.data(), x, bytes);
  out.append(to.data(), bytes);
}

std::uint64_t number(std::string_view in, std::size_t at, std::size_t bytes) {
  return little_endian(in.substr(at, bytes));
}

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

} // namespace

std::string_view describe(handshake_error error) {
  switch (error) {
    case handshake_error::none: return "no error";
    case handshake_error::not_a_node: return "it is no node of a cluster";
    case handshake_error::version:
      return "its version of the cluster protocol is another one";
    case handshake_error::cluster: return "it belongs to another cluster";
    case handshake_error::wrong_node:
      return "the address is another node's than was expected";
    case handshake_error::malformed: return "its handshake is malformed";
    case handshake_error::secret: return "the secrets of the cluster differ";
    case handshake_error::unknown_node:
      return "the one that dials is not a known node";
  }
  return "unknown error";
}

cluster_handshake::cluster_handshake(role as, const cluster_identity& identity,
                                     node_id peer,
                                     std::function<bool(node_id)> accepts)
    : role_(as), identity_(identity), peer_(peer),
      accepts_(std::move(accepts)) {
  assert(identity.cluster.size() <= cluster_name_bytes_max);
  assert(identity.hello.size() <= cluster_hello_bytes_max);
  if (role_ == role::dialer)
    introduce();
}

void cluster_handshake::take(std::string_view& input) {
  while (!failed() && !done() && !input.empty()) {
    auto introduces = step_ == step::introduction;
    auto head = introduces ? head_bytes : verdict_head_bytes;
    if (!fill(input, head))
      return;
    auto length = std::size_t(number(in_, head - 2, 2));
    if (introduces && !in_.starts_with(magic))
      return fail(handshake_error::not_a_node);
    // Of another version nothing more is known than that it is one.
    auto version = introduces ? number(in_, magic.size(), 2)
                              : std::uint64_t(cluster_protocol_version);
    if (version != cluster_protocol_version) {
      if (role_ == role::acceptor)
        introduce();
      return fail(handshake_error::version);
    }
    if (length > (introduces ? introduction_bytes_max : verdict_bytes_max))
      return fail(handshake_error::malformed);
    if (!fill(input, head + length))
      return;
    introduces ? take_introduction() : take_verdict();
    in_.clear();
  }
}

/// Whether the message has so many bytes by now.
bool cluster_handshake::fill(std::string_view& input, std::size_t bytes) {
  if (in_.size() < bytes) {
    auto fresh = input.substr(0, bytes - in_.size());
    in_.append(fresh);
    input.remove_prefix(fresh.size());
  }
  return in_.size() >= bytes;
}

void cluster_handshake::take_introduction() {
  auto body = std::string_view{in_}.substr(head_bytes);
  if (body.size() < introduction_bytes_min)
    return fail(handshake_error::malformed);
  auto from = node_id(number(body, 0, 8));
  auto to = node_id(number(body, 8, 8));
  auto expected = std::exchange(peer_, from);
  transcript_ += in_;
  if (role_ == role::acceptor)
    introduce();
  if (body.substr(introduction_bytes_min) != identity_.cluster)
    return fail(handshake_error::cluster);
  if (to != identity_.self || from == identity_.self
      || (role_ == role::dialer && from != expected))
    return fail(handshake_error::wrong_node);
  step_ = step::verdict;
  if (role_ == role::dialer)
    prove();
}

void cluster_handshake::take_verdict() {
  auto error = handshake_error(static_cast<unsigned char>(in_[0]));
  auto body = std::string_view{in_}.substr(verdict_head_bytes);
  if (error == handshake_error::secret
      || error == handshake_error::unknown_node) {
    refused_ = true;
    return fail(error);
  }
  if (error != handshake_error::none || body.size() < proof_bytes)
    return fail(handshake_error::malformed);
  auto other = role_ == role::dialer ? role::acceptor : role::dialer;
  auto hello = body.substr(proof_bytes);
  auto expected = keyed_hash(proof_label(other), hello);
  if (sodium_memcmp(expected.data(), body.data(), expected.size()) != 0)
    return fail(handshake_error::secret);
  if (role_ == role::acceptor && !accepts_(peer_))
    return fail(handshake_error::unknown_node);
  transcript_ += in_;
  peer_hello_ = hello;
  step_ = step::done;
  if (role_ == role::acceptor)
    prove();
}

void cluster_handshake::introduce() {
  std::string message{magic};
  append_number(message, cluster_protocol_version, 2);
  append_number(message, introduction_bytes_min + identity_.cluster.size(), 2);
  append_number(message, identity_.self, 8);
  append_number(message, peer_, 8);
  std::array<char, nonce_bytes> nonce;
  randombytes_buf(nonce.data(), nonce.size());
  message.append(nonce.data(), nonce.size());
  message += identity_.cluster;
  out_ += message;
  transcript_ += message;
}

void cluster_handshake::prove() {
  auto proof = keyed_hash(proof_label(role_), identity_.hello);
  std::string message(1, '\0');
  append_number(message, proof.size() + identity_.hello.size(), 2);
  message.append(reinterpret_cast<const char*>(proof.data()), proof.size());
  message += identity_.hello;
  out_ += message;
  transcript_ += message;
}

void cluster_handshake::fail(handshake_error error) {
  error_ = error;
  if (role_ == role::acceptor && step_ == step::verdict
      && error != handshake_error::malformed) {
    append_number(out_, std::uint64_t(error), 1);
    append_number(out_, 0, 2);
  }
}

cluster_handshake::hash
cluster_handshake::keyed_hash(std::string_view label,
                              std::string_view more) const {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, unsigned_bytes(identity_.secret),
                              identity_.secret.size());
  for (auto part : {label, std::string_view{transcript_}, more})
    crypto_auth_hmacsha256_update(&state, unsigned_bytes(part), part.size());
  hash out{};
  crypto_auth_hmacsha256_final(&state, out.data());
  return out;
}

std::uint64_t cluster_handshake::frame_seed(role from) const {
  assert(done());
  auto derived = keyed_hash(
    from == role::dialer ? "frames of dialer" : "frames of acceptor", {});
  return little_endian({reinterpret_cast<const char*>(derived.data()), 8});
}

} // namespace callboard
