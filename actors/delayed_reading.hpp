// Delayed messages of all partitions, as they are stored.
#pragma once

#include "actors/core/delayed_requests.hpp"
#include "actors/node.hpp"

namespace callboard {

/// Looks at up to `limits::delayed_looked_at_max` rows. Blocks.
result<delayed_page> list_delayed(const node_services& node,
                                  const delayed_query& what);

/// Null: there is none. Blocks.
result<delayed_detail_ptr> find_delayed(const node_services& node,
                                        const delayed_ref& what);

} // namespace callboard
