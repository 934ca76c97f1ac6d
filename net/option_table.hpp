// The settings by name: what each is for, and how its text becomes its value.
#pragma once

#include "net/options.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

struct setting {
  std::string name; // of the flag; CALLBOARD_NAME in the environment
  std::string help;
  /// Returns what is wrong with the text, or nothing.
  std::function<std::optional<std::string>(options&, const std::string&)> set;
  std::function<std::string(const options&)> get;
  bool secret = false;
  bool bare = false;            // the flag alone means `on`
  std::string barco_variable{}; // POLAR_x and BARCO_x mean this too
};

/// In the order in which they are shown.
const std::vector<setting>& setting_table();

/// Those of the Barco dialect.
std::vector<setting> barco_settings();

/// Those of a node's place in a cluster.
std::vector<setting> cluster_settings();

/// What Barco's own variables say that are no settings of ours: listening on
/// all interfaces, unless `--barco` says where. Returns the variable that did.
std::optional<std::string> listen_as_barco_would(
  options& to, const std::function<const char*(const char*)>& environment);

/// The value of the first of `POLAR_<name>` and `BARCO_<name>` that is set, and
/// the variable's name.
std::optional<std::pair<std::string, std::string>>
barco_variable(const std::string& name,
               const std::function<const char*(const char*)>& environment);

} // namespace callboard
