// Frames of binary producers to the parts of topics.
#pragma once

#include "net/barco_services.hpp"
#include "net/producer_session.hpp"

namespace callboard {

/// Stores what the binary producers of one thread send, as `publish` does what
/// comes over HTTP. Frames for one topic are stored in the order in which they
/// are handed over.
producer_sink store_frames(barco_ptr services, http_executor executor);

} // namespace callboard
