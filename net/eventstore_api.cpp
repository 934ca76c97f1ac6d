// Route, who may use it, what it takes and gives, which function serves it.
#include "net/eventstore_api.hpp"

#include "net/all_routes.hpp"
#include "net/default_codec.hpp"
#include "net/delayed_routes.hpp"
#include "net/group_routes.hpp"
#include "net/route_table.hpp"
#include "net/stream_routes.hpp"
#include "net/subscription_routes.hpp"
#include "net/users_api.hpp"

namespace callboard {

namespace {

constexpr auto get = http_verb::get;
constexpr auto post = http_verb::post;
constexpr auto put = http_verb::put;
constexpr auto patch = http_verb::patch;
constexpr auto erase = http_verb::delete_;

using table = route_table<eventstore_services>;

void add_all_routes(const table& add) {
  namespace to = all_routes;
  route_options page{access_rule::read_all, {}, stream_routes::feed_types};

  // clang-format off
  add(get, "/streams", to::list_streams, {access_rule::anyone, {}, to::list_types});
  add(get, "/streams/$all", to::newest_page, page);
  add(get, "/streams/$all/{position}/{count}", to::backward_page, page);
  add(get, "/streams/$all/{position}/backward/{count}", to::backward_page, page);
  add(get, "/streams/$all/{position}/forward/{count}", to::forward_page, page);
  add(get, "/streams/$all/metadata/{more*}", to::nothing, {});
  add(get, "/streams/$all/filtered", to::filtered_newest_page, page);
  add(get, "/streams/$all/filtered/{position}/{count}", to::filtered_backward_page, page);
  add(get, "/streams/$all/filtered/{position}/backward/{count}", to::filtered_backward_page, page);
  add(get, "/streams/$all/filtered/{position}/forward/{count}", to::filtered_forward_page, page);
  // clang-format on
}

void add_stream_routes(const table& add) {
  namespace to = stream_routes;
  using enum access_rule;
  route_options page{read_stream, {}, to::feed_types};
  route_options one{read_stream, {}, to::event_types};
  route_options metadata_page{read_metadata, {}, to::feed_types};
  route_options one_metadata{read_metadata, {}, to::event_types};

  // clang-format off
  add(post,  "/streams/{stream}", to::append, {write_stream, to::publish_types, {}, events_body});
  add(post,  "/streams/{stream}/incoming/{id}", to::append_with_id, {write_stream, to::single_publish_types, {}, events_body});
  add(post,  "/streams/{stream}/metadata", to::append_metadata, {write_metadata, to::publish_types, {}, events_body});
  add(erase, "/streams/{stream}", to::remove, {delete_stream, {}, {}});

  add(get, "/streams/{stream}", to::newest_page, page);
  add(get, "/streams/{stream}/{event}", to::one_event, one);
  add(get, "/streams/{stream}/{event}/{count}", to::backward_page, page);
  add(get, "/streams/{stream}/{event}/backward/{count}", to::backward_page, page);
  add(get, "/streams/{stream}/{event}/forward/{count}", to::forward_page, page);

  add(get, "/streams/{stream}/metadata", to::metadata, one_metadata);
  add(get, "/streams/{stream}/metadata/{event}", to::one_metadata_event, one_metadata);
  add(get, "/streams/{stream}/metadata/{event}/{count}", to::metadata_backward_page, metadata_page);
  add(get, "/streams/{stream}/metadata/{event}/backward/{count}", to::metadata_backward_page, metadata_page);
  add(get, "/streams/{stream}/metadata/{event}/forward/{count}", to::metadata_forward_page, metadata_page);

  add_all_routes(add);

  route_options redirected{.body_bytes_max = events_body};
  add(post,  "/streams/{stream}/", to::drop_slash, redirected);
  add(erase, "/streams/{stream}/", to::drop_slash, {});
  add(get,   "/streams/{stream}/", to::drop_slash, {});
  add(post,  "/streams/{stream}/metadata/", to::drop_slash, redirected);
  add(get,   "/streams/{stream}/metadata/", to::drop_slash, {});

  add(post,  "/streams/", to::refuse_no_name, {anyone, to::publish_types, {}, events_body});
  add(erase, "/streams/", to::refuse_no_name, {});
  add(get,   "/streams/", to::refuse_no_name, {});
  // clang-format on
}

void add_delayed_routes(const table& add) {
  namespace to = delayed_routes;
  route_options operate{access_rule::operators, {}, {}};

  // Who may: the routes of one message ask for its stream, POST for that of its
  // body.
  // clang-format off
  add(get,   "/delayed", to::list, operate);
  add(post,  "/delayed", to::repeat, {.body_bytes_max = to::recurring_body_max});
  add(patch, "/delayed", to::move_many, operate);
  add(erase, "/delayed", to::cancel_many, operate);
  add(get,   "/delayed/{id}", to::one, {});
  add(patch, "/delayed/{id}", to::move, {});
  add(erase, "/delayed/{id}", to::cancel, {});
  add(get,   "/delayed/jobs/{id}", to::job, operate);
  add(erase, "/delayed/jobs/{id}", to::stop_job, operate);
  // clang-format on
}

void add_group_routes(const table& add) {
  namespace to = subscription_routes;
  using enum access_rule;
  route_options settings{operators, to::settings_types, default_types};
  route_options command{operators, {}, default_types};
  route_options consume{consume_stream, {}, to::competing_types};
  route_options settle{consume_stream, {}, default_types};
  route_options told{signed_in, {}, default_types};
  route_options parked{consume_stream, {}, to::competing_types};

  // clang-format off
  add(put,   "/subscriptions/{stream}/{group}", to::create, settings);
  add(post,  "/subscriptions/{stream}/{group}", to::update, settings);
  add(erase, "/subscriptions/{stream}/{group}", to::remove, command);
  add(post,  "/subscriptions/{stream}/{group}/replayParked", to::replay_parked, command);

  add(post, "/subscriptions/restart", to::restart, command);

  add(get,  "/subscriptions/{stream}/{group}", to::fetch_one, consume);
  add(get,  "/subscriptions/{stream}/{group}/{count}", to::fetch, consume);
  add(post, "/subscriptions/{stream}/{group}/ack", to::ack_many, settle);
  add(post, "/subscriptions/{stream}/{group}/ack/{id}", to::ack, settle);
  add(post, "/subscriptions/{stream}/{group}/nack", to::nack_many, settle);
  add(post, "/subscriptions/{stream}/{group}/nack/{id}", to::nack, settle);
  add(post, "/subscriptions/{stream}/{group}/{count}", to::settle_by_old_link, settle);

  add(get,  "/subscriptions/{stream}/{group}/info", to::info, told);
  add(get,  "/subscriptions/{stream}", to::groups_of_stream, told);
  add(get,  "/subscriptions", to::all_groups, told);
  add(post, "/subscriptions", to::all_groups, told);
  add(get,  "/subscriptions/viewparkedmessages/{stream}/{group}/{event}/backward/{count}", stream_routes::parked_backward_page, parked);
  add(get,  "/subscriptions/viewparkedmessages/{stream}/{group}/{event}/forward/{count}", stream_routes::parked_forward_page, parked);
  // clang-format on
}

/// What goes beyond the dialect.
void add_native_group_routes(const table& add) {
  namespace to = group_routes;
  using enum access_rule;
  route_options settle{consume_stream, to::json_types, to::json_types,
                       to::settle_body_max};
  route_options extend{consume_stream, {}, to::json_types};
  route_options told{consume_stream, {}, to::told_types};
  route_options parked{consume_stream, {}, to::json_types};
  route_options steer{operators, {}, to::json_types};

  // clang-format off
  add(post, "/subscriptions/{stream}/{group}/settle", to::settle, settle);
  add(post, "/subscriptions/{stream}/{group}/extend", to::extend, extend);
  add(get,  "/subscriptions/{stream}/{group}/why", to::why, told);
  add(get,  "/subscriptions/{stream}/{group}/in-flight", to::in_flight, told);
  add(get,  "/subscriptions/{stream}/{group}/messages/{id}/explain", to::explain, told);
  add(post, "/subscriptions/{stream}/{group}/pause", to::pause, steer);
  add(post, "/subscriptions/{stream}/{group}/resume", to::resume, steer);
  add(post, "/subscriptions/{stream}/{group}/retries", to::move_retries, steer);
  add(get,  "/subscriptions/{stream}/{group}/parked", to::list_parked, parked);
  add(post, "/subscriptions/{stream}/{group}/parked/replay", to::replay_parked, steer);
  add(erase, "/subscriptions/{stream}/{group}/parked/replay", to::stop_replay, steer);
  add(post, "/subscriptions/{stream}/{group}/parked/discard", to::discard_parked, steer);
  // clang-format on
}

} // namespace

void add_eventstore_routes(router& routes, const services_ptr& services) {
  table add{routes, services};
  add_stream_routes(add);
  add_group_routes(add);
  add_native_group_routes(add);
  add_delayed_routes(add);
  add_users_routes(routes, services);
}

} // namespace callboard
