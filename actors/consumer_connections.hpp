// Connections on which consumers registered that are their connection.
#pragma once

#include "actors/core/consumer_requests.hpp"

#include <map>
#include <memory>
#include <vector>

namespace callboard {

/// Several connections may be one member of a group: the same name, registered
/// on each. This knows which of them live, so that one that leaves, or asks for
/// something else, takes nothing from the others. Consumers by id have no
/// connection and are never in here. Of the membership actor; a connection may
/// end on any thread.
class consumer_connections {
public:
  using connection = std::weak_ptr<const void>;

  /// Registered there as this reader, and not any more as one before.
  void add(const consumer_key& key, reader_id reader, const connection& on);

  /// Whether the consumer is registered on another living connection.
  bool others(const consumer_key& key, const connection& than) const;

  /// The reader says goodbye. True: others of the same consumer go on.
  bool leave(const consumer_key& key, reader_id reader);

  /// The consumer is not registered any more.
  void end(const consumer_key& key) { all_.erase(key); }

private:
  struct registration {
    reader_id reader;
    connection on;
  };

  std::map<consumer_key, std::vector<registration>> all_;
};

} // namespace callboard
