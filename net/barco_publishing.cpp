// Placing, the ACL, and the append.
#include "net/barco_publishing.hpp"

#include "actors/core/topics.hpp"

#include <utility>

namespace callboard {

namespace {

void append(const barco_ptr& services, const http_executor& executor,
            record_batch what, publish_then then) {
  auto& broker = *services->broker;
  append_request request{
    topic_stream(broker.placement, what.topic, what.partition),
    expected_version::any, std::move(what.records), std::nullopt};
  ask<append_reply>(
    broker.asker, executor, broker.partitions->partitions[what.partition.value],
    [services, then = std::move(then)](const result<append_reply>& reply) {
      auto error = reply ? reply->error : reply.error();
      if (error == errc::none)
        services->state->appended.fetch_add(1, std::memory_order_relaxed);
      then({verdict::granted, error});
    },
    append_atom_v, std::move(request));
}

} // namespace

partition_id place_records(const barco_services& services,
                           std::string_view key) {
  auto& placement = services.broker->placement;
  if (!key.empty())
    return placement.partition_of(key);
  auto turn = services.state->unkeyed.fetch_add(1, std::memory_order_relaxed);
  return {(turn + 1) % placement.partitions()};
}

void publish(const barco_ptr& services, const http_executor& executor,
             record_batch what, publish_then then) {
  auto topic = what.topic;
  auto& line = services->lines->of_topic[topic];
  line.push_back([services, executor, what = std::move(what),
                  then = std::move(then)](verdict v) mutable {
    if (v == verdict::granted)
      return append(services, executor, std::move(what), std::move(then));
    then({v, errc::none});
  });
  if (line.size() > 1)
    return; // behind others that wait for the same verdict
  services->access->check_stream(nullptr, access_rule::write_stream, topic,
                                 executor,
                                 [lines = services->lines, topic](verdict v) {
                                   auto all = lines->of_topic.extract(topic);
                                   for (auto& go_on : all.mapped())
                                     go_on(v);
                                 });
}

} // namespace callboard
