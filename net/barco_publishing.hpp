// From records to the part of a topic: for every protocol of producers.
#pragma once

#include "net/barco_services.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Records for one partition: stored together and in order, or not at all.
struct record_batch {
  std::string topic; // passed `check_topic`
  partition_id partition;
  std::vector<new_event> records;
};

/// What became of them; both fine: they are on disk.
struct publish_outcome {
  verdict access = verdict::granted;
  errc error = errc::none;
};

using publish_then = std::function<void(publish_outcome)>;

/// Where records with this key go. Without one: to each partition in turn, of
/// all topics together; the first after a start to partition 1.
partition_id place_records(const barco_services& services,
                           std::string_view key);

/// Appends them. `then` runs once, on the executor. What an ACL of the topic
/// (that of the stream with its name) does not let everybody write is denied.
void publish(const barco_ptr& services, const http_executor& executor,
             record_batch what, publish_then then);

} // namespace callboard
