// One flipped bit in a stopped node's files: it is noticed, or it does no harm.
#include "tests/power_loss/child.hpp"
#include "tests/power_loss/scratch.hpp"
#include "tests/power_loss/workload.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <string>

using namespace callboard;
using namespace callboard::test;

namespace {

/// A bit of one of the files.
struct flip {
  std::string path;
  std::size_t byte = 0;
  int bit = 0;
};

std::string describe(const flip& one, outcome what, const std::string& text) {
  return one.path + " page " + std::to_string(one.byte / 4096) + " byte "
         + std::to_string(one.byte % 4096) + " bit " + std::to_string(one.bit)
         + ": " + to_text(what) + " " + text + ", --rng-seed "
         + std::to_string(Catch::getSeed());
}

/// A stopped node and what its files are.
struct stopped_node {
  recorded_life life;
  disk_image image;
  small_node_options options;
};

stopped_node stop_one(random_source& random,
                      const std::filesystem::path& scratch, bool all_in_lmdb) {
  stopped_node out;
  workload_options options;
  options.node.folder = scratch / "node";
  // With small flushes little of the log is left, with large ones most of it.
  options.node.flush_bytes =
    all_in_lmdb ? std::size_t{32} << 10 : std::size_t{1} << 30;
  options.records = 250;
  options.stop_cleanly = all_in_lmdb;
  out.life = live(random, options, {}, {});
  out.image = read_image(options.node.folder);
  out.options = options.node;
  return out;
}

/// Flips one random bit at a time of the files whose path begins with `prefix`
/// and counts what becomes of it; `see` may look closer.
std::map<outcome, std::size_t> flip_bits(
  random_source& random, const stopped_node& node, const std::string& prefix,
  std::size_t times,
  const std::function<void(const flip&, outcome, const std::string&)>& see) {
  std::vector<std::string> paths;
  for (auto& [path, bytes] : node.image)
    if (path.starts_with(prefix) && !bytes.empty())
      paths.push_back(path);
  REQUIRE(!paths.empty());
  std::map<outcome, std::size_t> out;
  std::string text;
  for (std::size_t i = 0; i < times; ++i) {
    flip one{paths[below(random, paths.size())], 0, int(below(random, 8))};
    auto image = node.image;
    auto& bytes = image.at(one.path);
    // Zeros at the end of a file are of no use: mostly where something is.
    auto used = bytes.find_last_not_of('\0') + 1;
    one.byte =
      below(random, below(random, 8) == 0 ? bytes.size()
                                          : std::max<std::size_t>(used, 1));
    bytes[one.byte] = char(bytes[one.byte] ^ (1 << one.bit));
    write_image(image, node.options.folder);
    auto what =
      inspect_in_child(node.life, node.life.ops.size(), node.options, text);
    ++out[what];
    see(one, what, text);
  }
  return out;
}

void print(const std::string& title,
           const std::map<outcome, std::size_t>& all) {
  std::cout << title << ":";
  for (auto& [what, count] : all)
    std::cout << " " << to_text(what) << " " << count << ";";
  std::cout << "\n";
}

/// Whether the byte lies in the last frame that was written.
bool in_last_frame(const disk_image& image, const flip& where) {
  std::uint64_t last_number = 0;
  std::string last_path;
  std::pair<std::size_t, std::size_t> last_range;
  for (auto& [path, bytes] : image) {
    if (!path.starts_with("wal/") || !path.ends_with(".wal"))
      continue;
    auto file = wal_salt::parse(image.at("wal/salt"))
                  .value()
                  .of_file(std::stoull(path.substr(4)));
    std::size_t at = 0;
    while (auto frame = wal_format::read_frame(bytes, file, at)) {
      if (frame->number > last_number) {
        last_number = frame->number;
        last_path = path;
        last_range = {at, frame->end};
      }
      at = frame->end;
    }
  }
  return where.path == last_path && where.byte >= last_range.first
         && where.byte < last_range.second;
}

} // namespace

TEST_CASE("a flipped bit in the log is refused, or does no harm",
          "[bit_flips]") {
  temporary_folder scratch{scratch_parent()};
  random_source random{Catch::getSeed()};
  for (bool all_in_lmdb : {false, true}) {
    auto node = stop_one(random, scratch.path, all_in_lmdb);
    std::size_t last_frames = 0;
    auto counts =
      flip_bits(random, node, "wal/", 1000,
                [&](const flip& one, outcome what, const std::string& text) {
                  INFO(describe(one, what, text));
                  // The last frame looks like one whose flush never ended.
                  if (what == int(finding::short_of_promise)) {
                    CHECK(in_last_frame(node.image, one));
                    ++last_frames;
                  } else {
                    CHECK((what == int(finding::right)
                           || what == int(finding::refused_as_corrupt)));
                  }
                });
    print(all_in_lmdb ? "flips in the log, all in LMDB"
                      : "flips in the log, nothing in LMDB",
          counts);
    std::cout << "  of those in the last frame, which is then taken for torn: "
              << last_frames << "\n";
  }
}

TEST_CASE("a flipped bit in LMDB's file never makes another event of one",
          "[bit_flips]") {
  temporary_folder scratch{scratch_parent()};
  random_source random{Catch::getSeed()};
  auto node = stop_one(random, scratch.path, true);
  auto counts = flip_bits(
    random, node, "store/data.mdb", 1000,
    [&](const flip& one, outcome what, const std::string& text) {
      INFO(describe(one, what, text));
      CHECK(what != 100 + SIGALRM);
      CHECK_FALSE((what == int(finding::wrong)
                   && text.find("is not what was written") != text.npos));
    });
  // LMDB has no checksums of its own: where a flip hits one of its tree pages
  // it may crash, or not find what is there.
  print("flips in LMDB's file", counts);
}

// May fail where a flip hits one of LMDB's own tree pages, which have no
// checksum: rows can then be hidden, never changed.
TEST_CASE("a flipped bit in LMDB's file never changes a row or hides an "
          "event",
          "[bit_flips][!mayfail]") {
  temporary_folder scratch{scratch_parent()};
  random_source random{Catch::getSeed() + 1};
  auto node = stop_one(random, scratch.path, true);
  flip_bits(random, node, "store/data.mdb", 1000,
            [&](const flip& one, outcome what, const std::string& text) {
              INFO(describe(one, what, text));
              CHECK(what != int(finding::wrong));
              CHECK(what != int(finding::short_of_promise));
            });
}
