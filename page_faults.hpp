// A page of a mapped file that the disk cannot give.
#pragma once

#include <string>

namespace callboard {

/// LMDB's file and the log are read as memory: where the disk cannot give a
/// page the kernel sends SIGBUS. From now on that ends the process with exit
/// code 1 and a line that names the directory. Nothing is lost by it: what was
/// acknowledged is in the log.
void name_page_faults(const std::string& data);

} // namespace callboard
