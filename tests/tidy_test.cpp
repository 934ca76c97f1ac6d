// Checks of the source itself: who may include whom, and how long a file gets.

#include <catch2/catch_test_macros.hpp>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path root = SOURCE_DIR;

struct layer {
  std::string folder;    // the files this rule is about
  std::string forbidden; // what none of their #include lines may match
};

// Bottom up. A folder may include itself and everything listed below it.
const std::vector<layer> layers = {
  {"actors/core",
   R"((persistence|net)/|actors/(?!core/)|caf/|lmdb|boost/(asio|beast)|nlohmann|<(thread|mutex|iostream)>)"},
  {"persistence",
   R"((net)/|actors/(?!core/)|caf/|boost/(asio|beast)|nlohmann)"},
  {"actors/replication",
   R"((net)/|actors/(?!core/|replication/)|caf/|lmdb|boost/(asio|beast)|nlohmann)"},
  {"actors", R"((net)/|lmdb|boost/(asio|beast)|nlohmann)"},
  {"net",
   R"(persistence/|lmdb|actors/(?!core/|replication/cluster_limits|interfaces|messages|node|log_limit|session_actor))"},
};

const std::vector<std::string> folders = {"actors", "net", "persistence",
                                          "tests", "bench"};

std::vector<fs::path> sources(const fs::path& folder) {
  std::vector<fs::path> out;
  if (fs::exists(root / folder))
    for (auto& entry : fs::recursive_directory_iterator{root / folder})
      if (entry.path().extension() == ".cpp"
          || entry.path().extension() == ".hpp")
        out.push_back(entry.path());
  return out;
}

/// Those of the top level too.
std::vector<fs::path> all_sources() {
  std::vector<fs::path> out;
  for (auto folder : folders)
    for (auto& file : sources(folder))
      out.push_back(file);
  for (auto& entry : fs::directory_iterator{root})
    if (entry.path().extension() == ".cpp"
        || entry.path().extension() == ".hpp")
      out.push_back(entry.path());
  return out;
}

std::string text_of(const fs::path& file) {
  std::ifstream in{root / file};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// What is between backticks, with `a/{b,c}.*` as `a/b.*` and `a/c.*`.
std::vector<std::string> names_on(const std::string& page) {
  static const std::regex quoted{"`([^`\n]+)`"};
  static const std::regex choice{R"(([^{]*)\{([^}]*)\}(.*))"};
  std::vector<std::string> out;
  for (std::sregex_iterator at{page.begin(), page.end(), quoted}, end;
       at != end; ++at) {
    auto name = (*at)[1].str();
    std::smatch parts;
    if (!std::regex_match(name, parts, choice)) {
      out.push_back(name);
      continue;
    }
    std::istringstream words{parts[2].str()};
    for (std::string word; std::getline(words, word, ',');)
      out.push_back(parts[1].str() + word + parts[3].str());
  }
  return out;
}

/// Files below the root, without what is built or hidden.
std::vector<std::string> all_files() {
  std::vector<std::string> out;
  for (auto& entry : fs::directory_iterator{root})
    if (entry.is_regular_file())
      out.push_back(entry.path().filename().string());
  for (auto folder : {"actors", "net", "persistence", "tests", "bench",
                      "scripts", "packaging", "docs", "examples"})
    for (auto& entry : fs::recursive_directory_iterator{root / folder})
      if (entry.is_regular_file())
        out.push_back(fs::relative(entry.path(), root).generic_string());
  return out;
}

/// A name that ends with `/` means all that is below.
bool matches(const std::string& name, const std::string& file) {
  return name.ends_with('/')
           ? file.starts_with(name)
           : fnmatch(name.c_str(), file.c_str(), FNM_PATHNAME) == 0;
}

} // namespace

TEST_CASE("ARCHITECTURE.md has every file of the program in its tree") {
  auto page = text_of("ARCHITECTURE.md");
  auto from = page.find("## The tree");
  REQUIRE(from != page.npos);
  auto tree = page.substr(from, page.find("\n## ", from) - from);
  // A layer's own line says what it is for, not what is in it.
  tree = std::regex_replace(tree, std::regex{R"(\*\*`[^`]*`\*\*)"}, "");
  auto names = names_on(tree);
  for (auto& file : all_files()) {
    auto folder = file.substr(0, file.find('/'));
    bool source = file.ends_with(".cpp") || file.ends_with(".hpp");
    if (folder != "actors" && folder != "net" && folder != "persistence"
        && folder != "scripts" && !(folder == file && source))
      continue;
    INFO(file);
    CHECK(std::any_of(names.begin(), names.end(),
                      [&](auto& name) { return matches(name, file); }));
  }
}

TEST_CASE("the files that ARCHITECTURE.md names are there") {
  const std::regex path{R"([a-z_0-9/.]+\.(cpp|hpp|py|md|json)|)"
                        R"((actors|core|net|persistence|tests|bench|scripts|)"
                        R"(packaging|docs|examples)/[a-z_0-9/.*-]*)"};
  auto files = all_files();
  for (auto& name : names_on(text_of("ARCHITECTURE.md"))) {
    if (!std::regex_match(name, path))
      continue;
    INFO(name);
    CHECK(std::any_of(files.begin(), files.end(), [&](auto& file) {
      // Without its extension, or without the folders that are clear.
      for (auto folder : {"", "actors/", "actors/replication/", "net/",
                          "persistence/", "tests/"})
        if (matches(folder + name, file) || matches(folder + name + ".*", file)
            || matches(folder + name + "/", file))
          return true;
      return false;
    }));
  }
}

TEST_CASE("a source includes its own header first") {
  for (auto& folder : {"actors", "net", "persistence"})
    for (auto& file : sources(folder)) {
      auto own = file;
      own.replace_extension(".hpp");
      if (file.extension() != ".cpp" || !fs::exists(own))
        continue;
      std::ifstream in{file};
      std::string line;
      while (std::getline(in, line) && !line.starts_with("#include"))
        ;
      INFO(fs::relative(file, root).string());
      CHECK(line
            == "#include \"" + fs::relative(own, root).generic_string() + "\"");
    }
}

TEST_CASE("no file includes from a layer above its own") {
  for (auto& [folder, forbidden] : layers)
    for (auto& file : sources(folder)) {
      std::ifstream in{file};
      for (std::string line; std::getline(in, line);)
        if (line.starts_with("#include")) {
          INFO(fs::relative(file, root).string() << ": " << line);
          CHECK(!std::regex_search(line, std::regex{forbidden}));
        }
    }
}

TEST_CASE("every file says on its first line what it promises") {
  for (auto& file : all_sources()) {
    std::ifstream in{file};
    std::string first;
    std::getline(in, first);
    INFO(fs::relative(file, root).string());
    CHECK(first.starts_with("// "));
  }
}

TEST_CASE("no file is longer than 400 lines") {
  for (auto& file : all_sources()) {
    std::ifstream in{file};
    auto lines = std::count(std::istreambuf_iterator<char>{in}, {}, '\n');
    INFO(fs::relative(file, root).string());
    CHECK(lines <= 400);
  }
}

TEST_CASE(
  "nothing sleeps to wait for something, and no path is one machine's") {
  // In pieces, so that this file does not hold what it looks for.
  const std::regex forbidden{std::string{"sleep_"} + "for|sleep_" + "until|us"
                             + "leep\\(|\"/" + "root/|\"/" + "home/"};
  for (auto& folder : folders)
    for (auto& file : sources(folder)) {
      std::ifstream in{file};
      int number = 0;
      for (std::string line; std::getline(in, line);) {
        ++number;
        INFO(fs::relative(file, root).string()
             << ":" << number << ": " << line);
        CHECK(!std::regex_search(line, forbidden));
      }
    }
}
