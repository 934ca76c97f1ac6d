// Field by field, in the order of the struct.
#include "actors/core/parked_job_codec.hpp"

#include "actors/core/bytes.hpp"

namespace callboard {

std::string encode(const parked_job& job) {
  std::string bytes;
  byte_writer out{bytes};
  out.byte(std::uint8_t(job.verb));
  out.varint(job.filter.ids.size());
  for (auto& id : job.filter.ids)
    out.id(id);
  out.text(job.filter.reason);
  out.text(job.filter.type);
  out.varint(job.filter.from.value);
  out.varint(job.filter.to.value);
  out.text(job.words);
  out.real(job.per_second);
  out.real(job.stop_percent);
  for (auto number : {job.next.value, job.end.value, job.chosen, job.failed})
    out.varint(number);
  return bytes;
}

std::optional<parked_job> decode_parked_job(std::string_view body) {
  byte_reader in{body};
  parked_job job;
  auto verb = in.byte();
  job.verb = parked_verb(verb);
  for (auto left = in.count(); left > 0; --left)
    job.filter.ids.push_back(in.id());
  job.filter.reason = in.text();
  job.filter.type = in.text();
  job.filter.from = {in.varint()};
  job.filter.to = {in.varint()};
  job.words = in.text();
  job.per_second = in.real();
  job.stop_percent = in.real();
  job.next = {in.varint()};
  job.end = {in.varint()};
  job.chosen = in.varint();
  job.failed = in.varint();
  if (!in.good() || !in.at_end() || verb > std::uint8_t(parked_verb::discard))
    return std::nullopt;
  return job;
}

} // namespace callboard
