// A small file that is written again and again, whose power or disk fails: it
// says what it said, or what it should say.
#include "persistence/whole_file.hpp"
#include "tests/power_loss/recorder.hpp"
#include "tests/power_loss/scratch.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t images_a_step = 40;

std::string text(char letter, std::size_t size) {
  return std::string(size, letter);
}

/// A folder with the file, and what may be found in it.
struct rewritten_file {
  rewritten_file() : folder(scratch.path / "node"), file(folder / "file") {
    fs::create_directory(folder);
    REQUIRE(rewrite_whole(file, last).has_value());
    initial = read_image(folder);
  }

  /// Writes while calls are recorded; whether that was durable.
  bool write(const recorder& calls, const std::string& what) {
    attempts.push_back({calls.position(), what, false});
    auto done = rewrite_whole(file, what).has_value();
    attempts.push_back({calls.position(), what, done});
    return done;
  }

  /// A power loss after each step leaves what was durable, or came later.
  void check(const std::vector<disk_op>& ops) {
    random_source random{Catch::getSeed()};
    disk present{initial};
    std::set<std::string> allowed{last};
    std::size_t next = 0;
    for (std::size_t done = 0; done <= ops.size(); ++done) {
      for (; next < attempts.size() && attempts[next].position <= done;
           ++next) {
        if (attempts[next].durable)
          allowed.clear();
        allowed.insert(attempts[next].text);
      }
      for (std::size_t i = 0; i < images_a_step; ++i) {
        auto* in_progress =
          done < ops.size() && below(random, 2) == 0 ? &ops[done] : nullptr;
        auto image = present.crash(random, in_progress);
        INFO("after " << done << " of " << ops.size() << " steps, --rng-seed "
                      << Catch::getSeed());
        REQUIRE(image.contains("file"));
        REQUIRE(allowed.contains(image["file"]));
      }
      if (done < ops.size())
        present.apply(ops[done]);
    }
  }

  struct attempt {
    std::size_t position = 0;
    std::string text;
    bool durable = false;
  };

  temporary_folder scratch{scratch_parent()};
  fs::path folder;
  fs::path file;
  std::string last = text('a', 700);
  disk_image initial;
  std::vector<attempt> attempts;
};

} // namespace

TEST_CASE("a power loss while a small file is rewritten leaves it whole") {
  rewritten_file node;
  std::vector<disk_op> ops;
  {
    recorder calls{node.folder, node.initial};
    for (auto& [letter, size] :
         {std::pair{'b', 300U}, {'c', 9000U}, {'d', 20U}, {'e', 700U}})
      REQUIRE(node.write(calls, text(letter, size)));
    ops = calls.take();
  }
  node.check(ops);
}

TEST_CASE("a small file is whole though its disk failed while it was rewritten",
          "[faults]") {
  for (std::size_t first = 1; first <= 12; ++first)
    for (auto code : {EIO, ENOSPC, 0}) {
      INFO("calls from " << first << " on, errno " << code);
      rewritten_file node;
      std::vector<disk_op> ops;
      {
        recorder calls{node.folder, node.initial};
        calls.fail({.below = {}, .first = first, .count = 1, .code = code});
        node.write(calls, text('b', 300));
        node.write(calls, text('c', 900));
        calls.heal();
        REQUIRE(node.write(calls, text('d', 500)));
        ops = calls.take();
      }
      node.check(ops);
      CHECK(**read_whole(node.file) == text('d', 500));
    }
}

TEST_CASE("a small file is rewritten on a full disk", "[faults]") {
  rewritten_file node;
  recorder calls{node.folder, node.initial};
  calls.fail({.below = {}, .code = ENOSPC, .full = true});
  for (auto letter : {'b', 'c', 'd'})
    REQUIRE(node.write(calls, text(letter, 700)));
  CHECK(**read_whole(node.file) == text('d', 700));
  CHECK_FALSE(node.write(calls, text('e', 100'000)));
  CHECK(**read_whole(node.file) == text('d', 700));
}
