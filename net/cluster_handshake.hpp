// How two nodes find out that they belong together, as bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace callboard {

/// A broker's number in its cluster.
using node_id = std::uint64_t;

inline constexpr std::uint16_t cluster_protocol_version = 1;

/// Longest name of a cluster, and longest hello.
inline constexpr std::size_t cluster_name_bytes_max = 255;
inline constexpr std::size_t cluster_hello_bytes_max = std::size_t{4} << 10;

/// What a node says of itself, and what it has to know of the others.
struct cluster_identity {
  node_id self = 0;
  std::string cluster; // its name, the same on all nodes
  std::string secret;  // known to all nodes, never sent
  std::string hello;   // opaque; sent once the other side has proved itself
};

/// Why there is no connection. The numbers of the last two are sent.
enum class handshake_error : std::uint8_t {
  none,
  not_a_node,   // speaks something else
  version,      // of the protocol
  cluster,      // belongs to another one
  wrong_node,   // is not the node that was dialled, or dialled another one
  malformed,    // a node, but its message is none
  secret,       // did not prove that it knows it
  unknown_node, // proved itself, but is no peer
};

/// For people; from the point of view of the node that reports it.
std::string_view describe(handshake_error error);

/// One side of the handshake. Bytes in, bytes out: the same over TCP and over
/// whatever may protect it later.
///
///   dialer -> acceptor  introduction: version, both ids, nonce, cluster
///   acceptor -> dialer  introduction; always sent to a node, so both see what
///                       differs
///   dialer -> acceptor  verdict: proof, hello
///   acceptor -> dialer  verdict: proof, hello; or why it refuses
///
/// A proof is HMAC-SHA256 with the secret over everything sent before it, the
/// sender's hello and its role. The dialer proves itself first, so who merely
/// connects gets nothing from which a secret could be guessed; the one who
/// listens at a dialled address can: secrets have to be long and random.
/// Nobody who only listens or replays passes. What follows is not protected
/// against one who can change bytes on the way.
class cluster_handshake {
public:
  enum class role : std::uint8_t { dialer, acceptor };

  /// `accepts` says who may be the other side: for a dialer exactly the one it
  /// dials, `peer`; for an acceptor (which passes 0) any of its peers.
  cluster_handshake(role as, const cluster_identity& identity, node_id peer,
                    std::function<bool(node_id)> accepts = {});

  /// Takes bytes off the front of `input`, never any that follow the handshake.
  /// Keeps less than 5 KiB.
  void take(std::string_view& input);

  /// What is to be sent; the caller empties it. Also after an error, before the
  /// connection is closed.
  std::string& out() noexcept { return out_; }

  bool done() const noexcept { return step_ == step::done; }

  bool failed() const noexcept { return error_ != handshake_error::none; }

  handshake_error error() const noexcept { return error_; }

  /// The other side itself gave `error` as its reason.
  bool refused() const noexcept { return refused_; }

  /// The other side; what it claims to be until `done`.
  node_id peer() const noexcept { return peer_; }

  /// Of the other side, once `done`.
  std::string& peer_hello() noexcept { return peer_hello_; }

  /// The seed of the checksums of the frames that `from` sends.
  std::uint64_t frame_seed(role from) const;

private:
  enum class step : std::uint8_t { introduction, verdict, done };
  using hash = std::array<unsigned char, 32>;

  bool fill(std::string_view& input, std::size_t bytes);
  void take_introduction();
  void take_verdict();
  void introduce();
  void prove();
  void fail(handshake_error error);
  hash keyed_hash(std::string_view label, std::string_view more) const;

  role role_;
  const cluster_identity& identity_; // outlives this
  node_id peer_;
  std::function<bool(node_id)> accepts_;
  step step_ = step::introduction;
  handshake_error error_ = handshake_error::none;
  bool refused_ = false;
  std::string in_; // the message that is coming
  std::string out_;
  std::string transcript_; // all that was sent so far, by both
  std::string peer_hello_;
};

} // namespace callboard
