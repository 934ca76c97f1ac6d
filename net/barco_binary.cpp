// Checked, placed, published.
#include "net/barco_binary.hpp"

#include "net/barco_answers.hpp"
#include "net/barco_publishing.hpp"
#include "net/barco_records.hpp"

#include <string>
#include <utility>

namespace callboard {

namespace {

accepted<record_batch> read_batch(const barco_services& services,
                                  const produce_frame& frame) {
  if (auto ok = check_topic(frame.topic); !ok)
    return ok.error();
  if (frame.timestamp && *frame.timestamp < 0)
    return refusal{400, "The timestamp is before 1970"};
  std::optional<std::uint64_t> timestamp;
  if (frame.timestamp)
    timestamp = std::uint64_t(*frame.timestamp);
  auto records = make_records(frame.records, timestamp);
  if (!records)
    return records.error();
  return record_batch{std::string{frame.topic},
                      place_records(services, frame.key), std::move(*records)};
}

/// Why it was not stored; nothing if it was.
std::optional<producer_refusal> explain(const publish_outcome& what) {
  auto because = [](std::string text) {
    return producer_refusal{frame_error::server, std::move(text)};
  };
  if (what.access == verdict::denied)
    return because("The ACL of the stream with this topic's name lets only "
                   "users write");
  if (what.access != verdict::granted)
    return because(barco_cause(errc::unavailable, repeat_stores_twice));
  if (what.error == errc::none)
    return std::nullopt;
  if (what.error == errc::stream_deleted)
    return because("The topic's part in this partition was deleted for ever");
  auto cause = barco_cause(what.error, repeat_stores_twice);
  return because(cause.empty() ? std::string{to_string(what.error)} : cause);
}

} // namespace

producer_sink store_frames(barco_ptr services, http_executor executor) {
  return [services = std::move(services), executor = std::move(executor)](
           const produce_frame& frame, auto then) {
    auto batch = read_batch(*services, frame);
    if (!batch)
      return then(producer_refusal{frame_error::server, batch.error().text});
    publish(services, executor, std::move(*batch),
            [then = std::move(then)](const publish_outcome& outcome) {
              then(explain(outcome));
            });
  };
}

} // namespace callboard
