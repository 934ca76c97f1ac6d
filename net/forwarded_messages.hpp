// Requests and answers between nodes, as bytes.
#pragma once

#include "actors/core/error.hpp"
#include "net/http.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

using node_id = std::uint64_t;

/// Whose routes a request is for. The numbers travel.
enum class listener : std::uint8_t {
  eventstore,
  discovery,
  producer,
  consumer,
  binary
};

inline constexpr std::size_t listener_count = 5;

/// Kinds of a link's frames. `follower`: the node that forwards; `leader`: the
/// one that serves.
enum class forwarding_frame : std::uint8_t {
  request = 2,   // follower → leader
  answer,        // leader → follower
  cancel,        // follower → leader: nobody wants the answer any more
  extend,        // leader → follower: `value` milliseconds more
  client_closed, // follower → leader: `key.number` is the client
  delivered,     // follower → leader: the answer left, unless `value` is 0
  finish,        // follower → leader: it stops; answer with what there is
};

/// Names a forwarded request among all of one node: numbers are not used again,
/// and begin anywhere, so that an answer never meets another life of its node.
struct forwarded_key {
  std::uint32_t thread = 0; // of the node that forwards
  std::uint64_t number = 0;

  friend auto operator<=>(const forwarded_key&, const forwarded_key&) = default;
};

/// The thread of the forwarding node that a message is from or for; nothing if
/// the bytes are no message. All messages of one client have the same.
std::optional<std::uint32_t> forwarding_thread(std::string_view bytes) noexcept;

struct forwarded_request {
  struct origin {
    forwarded_key key;
    /// Grows when the forwarder hears that the other node did not serve a
    /// request: what was sent there before that is from an earlier round.
    std::uint64_t round = 0;
    /// The client's connection to the forwarding node; 0: none.
    std::uint64_t client = 0;
    listener to = listener::eventstore;

    friend bool operator==(const origin&, const origin&) = default;
  };

  origin from;
  http_request request; // without a `connection`
};

/// Headers in order, as they came; the body as it is by now.
std::string encode(const forwarded_request::origin& from,
                   const http_request& request);

/// Errors of this and the others: `unknown_format` for another version,
/// `corrupt` for what `encode` never wrote, a target that is none included.
result<forwarded_request> decode_forwarded_request(std::string_view bytes);

enum class forwarded_outcome : std::uint8_t {
  served,
  not_served, // nothing was done: the node does not lead
  unknown,    // the node leads no more; it may or may not have been done
};

struct forwarded_answer {
  forwarded_key key;
  forwarded_outcome outcome = forwarded_outcome::served;
  bool wants_delivered = false; // a `delivered` frame is waited for
  std::string content_type;
  /// With the route's header block in front of its own lines; `content_type`
  /// and `unsent` are empty.
  http_answer answer;
};

/// An answer that was served; it wants to know of its delivery if it has
/// `unsent`.
std::string encode(const forwarded_key& key, const http_answer& answer,
                   std::string_view header_block);

/// That there is no answer.
std::string encode(const forwarded_key& key, forwarded_outcome why);

result<forwarded_answer> decode_forwarded_answer(std::string_view bytes);

/// What all other frames say.
struct forwarding_note {
  forwarded_key key;
  std::uint64_t value = 0;

  friend bool operator==(const forwarding_note&,
                         const forwarding_note&) = default;
};

std::string encode(const forwarding_note& note);
result<forwarding_note> decode_forwarding_note(std::string_view bytes);

} // namespace callboard
