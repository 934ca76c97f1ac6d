// Checks of the source itself: who may include whom, and how long a file gets.

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
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
   R"(persistence/(?!bytes)|lmdb|actors/(?!core/|replication/cluster_limits|interfaces|messages|node|session_actor))"},
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

} // namespace

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
  for (auto folder : folders)
    for (auto& file : sources(folder)) {
      std::ifstream in{file};
      std::string first;
      std::getline(in, first);
      INFO(fs::relative(file, root).string());
      CHECK(first.starts_with("// "));
    }
}

TEST_CASE("no file is longer than 400 lines") {
  for (auto folder : folders)
    for (auto& file : sources(folder)) {
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
