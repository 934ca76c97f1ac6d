// On which thread an actor has its turn.
#include "net/asio_coordinator.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <future>
#include <memory>
#include <string>

namespace callboard::test::asio_coordinator_test {

namespace {

struct two_workers : caf::actor_system_config {
  two_workers() { asio_coordinator::install(*this, 2); }
};

struct one_worker : caf::actor_system_config {
  one_worker() { asio_coordinator::install(*this, 1); }
};

} // namespace

TEST_CASE("an actor begins on its sender's thread, or where actors ran last") {
  two_workers config;
  caf::actor_system sys{config};
  auto& io = asio_coordinator::of(sys);
  // A new actor each time: one that is not done yet would go on where it is.
  auto ran_after = [&](const std::function<void(std::function<void()>)>& on) {
    auto ran = std::make_shared<std::promise<io_worker*>>();
    auto where = ran->get_future();
    auto actor = sys.spawn<caf::lazy_init>([ran](caf::event_based_actor* self) {
      return caf::behavior{[self, ran](int) {
        ran->set_value(io_worker::current());
        self->quit();
      }};
    });
    on([actor] { caf::anon_send(actor, 1); });
    return where.get();
  };
  auto from_outside = [](const std::function<void()>& send) { send(); };
  for (std::size_t worker : {1, 0, 1}) {
    auto there = ran_after([&](const std::function<void()>& send) {
      boost::asio::post(io.context(worker), send);
    });
    REQUIRE(there != nullptr);
    CHECK(&there->context() == &io.context(worker));
    CHECK(ran_after(from_outside) == there);
    CHECK(ran_after(from_outside) == there);
  }
}

TEST_CASE("what the end of a turn wakes comes before the next handler") {
  two_workers config;
  caf::actor_system sys{config};
  auto& io = asio_coordinator::of(sys);
  std::string order; // of one thread, until the promise is kept
  std::promise<void> over;
  auto actor = sys.spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[&order, self](int count) {
      order += "actor ";
      if (count == 0)
        return self->quit();
      io_worker::current()->at_turn_end([to = caf::actor{self}, &order] {
        order += "end "; // where the journal may write, and tell its partition
        caf::anon_send(to, 0);
      });
    }};
  });
  boost::asio::post(io.context(0), [&] {
    caf::anon_send(actor, 1);
    boost::asio::post(io.context(0), [&] {
      order += "handler";
      over.set_value();
    });
  });
  over.get_future().wait();
  CHECK(order == "actor end actor handler");
}

TEST_CASE("answers leave when all actors had their turn, the last one first") {
  one_worker config;
  caf::actor_system sys{config};
  auto& io = asio_coordinator::of(sys);
  std::string order; // of one thread, until the promise is kept
  std::promise<void> over;
  auto speak = [&](const std::string& name) {
    order += name + " ";
    CHECK(io_worker::current()->after_actors(
      [&order, name] { order += "to-" + name + " "; }));
  };
  auto group = sys.spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[&, self](int) {
      speak("group");
      io_worker::current()->at_turn_end([&] { over.set_value(); });
      self->quit();
    }};
  });
  auto partition = sys.spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[&, self](int) {
      speak("partition");
      self->send(group, 1);
      self->quit();
    }};
  });
  boost::asio::post(io.context(0), [&] {
    CHECK(!io_worker::current()->after_actors([&] { order += "never "; }));
    caf::anon_send(partition, 1);
  });
  over.get_future().wait();
  CHECK(order == "partition group to-group to-partition ");
}

} // namespace callboard::test::asio_coordinator_test
