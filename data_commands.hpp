// Commands on a data directory that nobody serves; why one cannot be used.
#pragma once

#include "server.hpp"

#include <string>

namespace callboard {

/// The exit code, and one line that says what to do. `diagnosis`: where it is
/// damaged, or what the system refuses, if that is known.
server::failure explain(errc why, const std::string& data,
                        const std::string& diagnosis);

/// The same of a `data_folder` that could not be opened.
server::failure explain_folder(errc why, const std::string& data,
                               const std::string& diagnosis);

/// Verifies log, rows and events. Prints what it finds. Returns the exit code.
int check_data(const std::string& data);

/// Gives unused space of the store back to the file system, and prints how much
/// that was. Returns the exit code.
int compact_data(const std::string& data);

} // namespace callboard
