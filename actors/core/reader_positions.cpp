// A position, and what was handed out behind it.
#include "actors/core/reader_positions.hpp"

#include <cassert>
#include <utility>

namespace callboard {

void reader_positions::load(std::string stream, event_number next) {
  streams_.insert_or_assign(std::move(stream), position{next, next, {}});
}

bool reader_positions::knows(std::string_view stream) const {
  return streams_.find(stream) != streams_.end();
}

change reader_positions::open(const std::string& stream, event_number from) {
  assert(!knows(stream));
  load(stream, from);
  return put_position{group_, stream, from};
}

bool reader_positions::admit(member_epoch epoch) {
  if (epoch < epoch_)
    return false;
  epoch_ = epoch;
  return true;
}

std::vector<change> reader_positions::commit(reader_id reader) {
  std::vector<change> out;
  auto mine = handed_.extract(reader);
  if (!mine)
    return out;
  for (auto& stream : mine.mapped()) {
    auto& at = streams_.find(stream)->second;
    assert(at.reader == reader && at.next < at.handed_end);
    at.next = at.handed_end;
    out.emplace_back(put_position{group_, stream, at.next});
  }
  return out;
}

event_number reader_positions::begin(const std::string& stream,
                                     reader_id reader) {
  auto found = streams_.find(stream);
  assert(found != streams_.end());
  auto& at = found->second;
  if (at.reader != reader) {
    if (at.next < at.handed_end)
      take_from(handed_.find(at.reader), stream);
    at.handed_end = at.next;
    at.reader = reader;
  }
  return at.handed_end;
}

bool reader_positions::reads(std::string_view stream, reader_id reader) const {
  auto found = streams_.find(stream);
  assert(found != streams_.end());
  return found->second.reader == reader;
}

void reader_positions::hand_out(const std::string& stream, reader_id reader,
                                event_number end) {
  auto& at = streams_.find(stream)->second;
  assert(at.reader == reader && end >= at.handed_end);
  at.handed_end = end;
  if (at.next < end)
    handed_[reader].insert(stream);
}

void reader_positions::take_from(handed_streams::iterator reader,
                                 const std::string& stream) {
  assert(reader != handed_.end());
  reader->second.erase(stream);
  if (reader->second.empty())
    handed_.erase(reader);
}

void reader_positions::forget(reader_id reader) {
  auto mine = handed_.extract(reader);
  if (!mine)
    return;
  for (auto& stream : mine.mapped()) {
    auto& at = streams_.find(stream)->second;
    at = {at.next, at.next, {}};
  }
}

event_number reader_positions::committed(std::string_view stream) const {
  auto found = streams_.find(stream);
  return found == streams_.end() ? event_number{} : found->second.next;
}

} // namespace callboard
