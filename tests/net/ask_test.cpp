// From a caller to an actor and back, also when the caller's handler fails.
#include "net/ask.hpp"
#include "tests/support/world.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

namespace callboard::test::ask_test {

TEST_CASE("a handler that throws costs its own request, not the next one") {
  world w;
  boost::asio::io_context io{1};
  auto asker = w.vt->sys.spawn(asker_behavior);
  int answered = 0;
  auto describe = [&](auto then) {
    ask<stream_description>(asker, io.get_executor(),
                            w.broker.routes->partitions[0], then,
                            describe_atom_v, std::string{"orders"});
    // Inside of the context, so that what is dispatched runs at once.
    boost::asio::post(io, [&] { w.vt->run(); });
    io.restart();
    io.run();
  };
  describe(
    [](result<stream_description>&&) { throw std::runtime_error{"planted"}; });
  describe([&](result<stream_description>&& found) {
    CHECK(found.has_value());
    ++answered;
  });
  CHECK(answered == 1);
  caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
  w.vt->run();
}

} // namespace callboard::test::ask_test
