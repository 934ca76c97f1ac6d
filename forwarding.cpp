// Which frame goes to which thread, and what each thread's fronts are told.
#include "forwarding.hpp"

#include "net/barco_producer_api.hpp"
#include "net/router.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace callboard {

forwarding::forwarding(const listening& at, node_id self, peer_send send,
                       std::function<std::string(node_id)> url_of)
    : self_(self), eventstore_lines_(cors_headers("GET, POST, PUT, DELETE, "
                                                  "OPTIONS")) {
  for (auto& one : at.threads) {
    auto made = std::make_shared<thread>();
    auto executor = one.context->get_executor();
    made->context = one.context;
    made->forwarder = std::make_shared<request_forwarder>(
      forwarder_options{.thread = std::uint32_t(threads_.size()),
                        .executor = executor,
                        .self = self,
                        .send = send,
                        .url_of = url_of,
                        .serve_here = [here = std::weak_ptr{made}](
                                        listener to, http_request& request,
                                        const http_exchange& exchange) {
                          if (auto now = here.lock())
                            serve_here(*now, to, request, exchange);
                        }});
    made->served = std::make_shared<forwarded_requests>(
      forwarded_requests_options{.executor = executor, .send = send});
    threads_.push_back(std::move(made));
  }
}

void forwarding::stand_before(std::size_t i, thread_handlers& of,
                              std::function<bool(const http_request&)> is_own) {
  auto& on = *threads_[i];
  using chooses = std::function<bool(const http_request&)>;
  auto front = [&](listener to, http_handler& handler, chooses own,
                   std::string lines, auto lost) {
    auto made = std::make_shared<leadership_front>(
      front_options{.to = to,
                    .forwarder = on.forwarder,
                    .is_own =
                      [here = std::weak_ptr{threads_[i]},
                       own = std::move(own)](const http_request& request) {
                        auto now = here.lock();
                        return now && !now->here && own(request);
                      },
                    .own = std::move(handler),
                    .header_block = std::move(lines),
                    .lost = std::move(lost)});
    handler = made->handler();
    made->follow();
    return made;
  };
  on.eventstore = front(listener::eventstore, of.eventstore, std::move(is_own),
                        eventstore_lines_, nullptr);
  on.producer = front(listener::producer, of.producer,
                      producer_answered_anywhere, {}, nullptr);
  on.consumer = front(listener::consumer, of.consumer,
                      consumer_answered_anywhere, {}, answer_lost_call);
  on.consumers = std::make_shared<consumer_front>(consumer_front_options{
    .executor = on.context->get_executor(),
    .next = std::move(of.consumer),
    .to_leader = [forwarder = on.forwarder](http_request& request,
                                            const http_exchange& exchange) {
      forwarder->forward(listener::consumer, request, exchange);
    }});
  of.consumer = on.consumers->handler();
  on.binary =
    std::make_shared<producer_front>(on.context->get_executor(), on.forwarder);
  of.binary = on.binary->sink();
  on.binary->follow();
}

void forwarding::lead(std::size_t i, const thread_handlers& by) {
  auto& on = *threads_[i];
  auto here = std::make_shared<served_listeners>();
  auto serve = [&](listener which, const http_handler& handler,
                   const std::string& lines) {
    (*here)[std::size_t(which)] = {handler, lines};
  };
  serve(listener::eventstore, by.eventstore, eventstore_lines_);
  serve(listener::producer, by.producer, {});
  serve(listener::consumer, by.consumer, {});
  if (by.binary)
    serve(listener::binary, serve_frames(by.binary), {});
  on.here = std::move(here);
  on.eventstore->lead(by.eventstore);
  on.producer->lead(by.producer);
  on.consumer->lead(by.consumer);
  on.binary->lead(by.binary);
  on.forwarder->leader_changed(self_);
  on.consumers->lead();
}

std::size_t forwarding::hold(std::size_t i) {
  auto& on = *threads_[i];
  if (on.here) {
    on.here = nullptr;
    on.forwarder->leader_changed(std::nullopt);
    on.consumers->follow();
    on.eventstore->hold();
    on.producer->hold();
    on.consumer->hold();
    on.binary->hold();
    on.served->stopping();
  }
  return on.eventstore->in_progress() + on.producer->in_progress()
         + on.consumer->in_progress() + on.binary->in_progress()
         + on.served->in_progress();
}

void forwarding::leave(std::size_t i) {
  auto& on = *threads_[i];
  on.here = nullptr;
  on.forwarder->leader_changed(std::nullopt);
  on.consumers->follow();
  on.eventstore->follow();
  on.producer->follow();
  on.consumer->follow();
  on.binary->follow();
  on.served->stop_serving();
}

void forwarding::follow(std::optional<node_id> leader) {
  on_all([leader](thread& on) { on.forwarder->leader_changed(leader); });
}

void forwarding::take_part(bool does) {
  on_all([does](thread& on) {
    for (auto& front : {on.eventstore, on.producer, on.consumer})
      does ? front->follow() : front->refuse();
    does ? on.binary->follow() : on.binary->refuse();
  });
}

void forwarding::received(node_id from, std::uint8_t kind, std::string bytes) {
  auto theirs = forwarding_thread(bytes);
  if (!theirs)
    return;
  bool for_forwarder = kind == std::uint8_t(forwarding_frame::answer)
                       || kind == std::uint8_t(forwarding_frame::extend);
  // All of one forwarding thread comes to the same thread here, in order.
  auto which = (for_forwarder ? *theirs : *theirs + from) % threads_.size();
  auto& on = threads_[which];
  boost::asio::post(*on->context,
                    [on, from, kind, for_forwarder, all = std::move(bytes)] {
                      if (for_forwarder)
                        on->forwarder->received(from, kind, all);
                      else
                        on->served->received(from, kind, all, on->here);
                    });
}

void forwarding::peer_down(node_id node) {
  on_all([node](thread& on) {
    on.forwarder->peer_down(node);
    on.served->peer_down(node);
  });
}

void forwarding::stopping() {
  on_all([](thread& on) { on.served->stopping(); });
}

void forwarding::stop() {
  on_all([](thread& on) {
    on.forwarder->stop();
    on.served->stop_serving();
  });
}

void forwarding::on_all(const std::function<void(thread&)>& run) {
  for (auto& on : threads_)
    boost::asio::post(*on->context, [on, run] { run(*on); });
}

void forwarding::serve_here(thread& on, listener to, http_request& request,
                            const http_exchange& exchange) {
  switch (to) {
    case listener::eventstore: return on.eventstore->serve(request, exchange);
    case listener::producer: return on.producer->serve(request, exchange);
    case listener::consumer: return on.consumer->serve(request, exchange);
    case listener::binary:
      if (on.here)
        (*on.here)[std::size_t(to)].handler(request, exchange);
      return;
    case listener::discovery: return; // every node answers it
  }
}

} // namespace callboard
