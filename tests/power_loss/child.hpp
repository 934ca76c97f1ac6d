// Looks at a folder that may crash whoever reads it: in a process of its own.
#pragma once

#include "tests/power_loss/workload.hpp"

#include <string>

namespace callboard::test {

/// What became of a child: a finding's number, or 100 + a signal's. SIGALRM: it
/// hung.
using outcome = int;

std::string to_text(outcome what);

/// `inspect` in a child; `text` is what it says. The caller has no other
/// threads.
outcome inspect_in_child(const recorded_life& life, std::size_t position,
                         const small_node_options& options, std::string& text);

} // namespace callboard::test
