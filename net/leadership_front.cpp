// Here, elsewhere, or not at all.
#include "net/leadership_front.hpp"

#include "net/try_again.hpp"

#include <utility>

namespace callboard {

namespace {

constexpr std::string_view ceased_to_lead =
  "This node leads no more: whether it was recorded is unknown.";

} // namespace

leadership_front::leadership_front(front_options options)
    : options_(std::move(options)) {}

leadership_front::~leadership_front() = default;

http_handler leadership_front::handler() {
  return [self = shared_from_this()](http_request& request,
                                     const http_exchange& exchange) {
    self->serve(request, exchange);
  };
}

void leadership_front::serve(http_request& request,
                             const http_exchange& exchange) {
  if (options_.is_own && options_.is_own(request))
    return options_.own(request, exchange);
  switch (role_) {
    case role::leading:
      in_progress_.add(weak_exchange{exchange});
      return here_(request, exchange);
    case role::following:
      return options_.forwarder->forward(options_.to, request, exchange);
    case role::refusing: return exchange.answer(try_again(takes_no_part));
  }
}

void leadership_front::lead(http_handler here) {
  become(role::leading, std::move(here));
}

void leadership_front::follow() {
  become(role::following, nullptr);
}

void leadership_front::hold() {
  if (role_ == role::leading)
    role_ = role::following;
}

void leadership_front::refuse() {
  become(role::refusing, nullptr);
}

/// The next role comes first: an answer may let in what its connection asks
/// next.
void leadership_front::become(role next, http_handler here) {
  role_ = next;
  auto before = std::exchange(here_, std::move(here));
  for (auto& each : in_progress_.take_all())
    if (auto exchange = each.lock()) {
      // An answer may be on its way from another thread.
      exchange->set_header_block(options_.header_block);
      auto lost =
        options_.lost ? options_.lost(exchange->request()) : std::nullopt;
      exchange->answer(lost ? std::move(*lost)
                            : outcome_unknown(options_.to, ceased_to_lead));
    }
}

} // namespace callboard
