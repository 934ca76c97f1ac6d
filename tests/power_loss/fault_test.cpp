// A disk that fails at each of its system calls, for once or for a while:
// nothing acknowledged is lost, reads go on, and so does all when it works
// again.
#include "tests/power_loss/recorder.hpp"
#include "tests/power_loss/scratch.hpp"
#include "tests/power_loss/small_node.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace callboard;
using namespace callboard::test;

namespace {

constexpr std::size_t steps_a_life = 16;
constexpr std::size_t crash_images = 2;

/// What a partition was told, and what became of it.
struct told_partition {
  std::vector<record> acknowledged; // the first one has index 1
  /// Lost as far as anybody knows, one of these may follow all the same.
  std::vector<std::vector<record>> doubtful;
  partition_model next; // with what is on its way

  partition_model model() const {
    partition_model out{next.id()};
    for (auto& one : acknowledged)
      out.apply(one);
    return out;
  }

  /// What `found` entries may be.
  std::vector<partition_model> candidates(std::size_t found) const {
    std::vector<partition_model> out;
    if (found == acknowledged.size())
      out.push_back(model());
    for (auto& lost : doubtful)
      if (found > acknowledged.size()
          && found <= acknowledged.size() + lost.size()) {
        out.push_back(model());
        for (std::size_t i = 0; i < found - acknowledged.size(); ++i)
          out.back().apply(lost[i]);
      }
    return out;
  }
};

/// A node on a disk that fails.
class shaken_node {
public:
  shaken_node(random_source& random, const small_node_options& options)
      : random_(random), options_(options) {
    write_image({}, options.folder);
    calls_ = std::make_unique<recorder>(options.folder, disk_image{});
    std::string diagnosis;
    node_ = small_node::open(options, diagnosis).value();
    for (std::size_t p = 0; p < options.partitions; ++p)
      partitions_.push_back({{}, {}, partition_model{{p}}});
  }

  recorder& calls() { return *calls_; }

  small_node& node() { return *node_; }

  void restart() {
    node_.reset();
    std::string diagnosis;
    node_ = small_node::open(options_, diagnosis).value();
  }

  /// Appends some records. Returns whether all were acknowledged.
  bool append_some() {
    auto flushes = node_->journal().counts().flushes;
    for (auto left = 1 + below(random_, 6); left > 0; --left) {
      auto& to = partitions_[below(random_, partitions_.size())];
      auto what = to.next.next(random_);
      if (!node_->append(to.next.id(), what))
        break;
      to.next.apply(what);
      to.acknowledged.push_back(std::move(what));
    }
    bool all = node_->wait_for_all();
    // A later frame makes a failed one void.
    if (node_->journal().counts().flushes != flushes)
      for (auto& one : partitions_)
        one.doubtful.clear();
    for (auto& one : partitions_)
      if (node_->begin_again(one.next.id()))
        forget_lost(one);
    return all;
  }

  bool flush_store() { return node_->db().flush().has_value(); }

  /// Everything acknowledged can be read, whatever the disk does.
  void check_reads() {
    for (auto& one : partitions_) {
      errc error = errc::none;
      REQUIRE(node_->db().applied(one.next.id()).value
              == one.acknowledged.size());
      auto text = one.next.difference(node_->db(), error);
      INFO(text << " " << error);
      REQUIRE((text.empty() && error == errc::none));
    }
  }

  /// kill -9 now: what the folder holds, and what a power loss may leave of it.
  void check_remains() {
    node_.reset();
    auto ops = calls_->take();
    check_folder("as it is");
    disk present{{}};
    for (auto& op : ops)
      present.apply(op);
    for (std::size_t i = 0; i < crash_images; ++i) {
      write_image(present.crash(random_, nullptr), options_.folder);
      check_folder("after a power loss");
    }
  }

private:
  void forget_lost(told_partition& one) {
    auto kept = node_->db().applied(one.next.id()).value;
    auto lost = one.acknowledged.begin() + std::ptrdiff_t(kept);
    one.doubtful.emplace_back(lost, one.acknowledged.end());
    one.acknowledged.erase(lost, one.acknowledged.end());
    one.next = one.model();
  }

  void check_folder(const char* when) {
    std::string diagnosis;
    auto again = small_node::open(options_, diagnosis);
    INFO(when << ": " << diagnosis);
    REQUIRE(again.error() == errc::none);
    for (auto& one : partitions_) {
      auto found = (*again)->db().applied(one.next.id()).value;
      bool right = false;
      std::string text;
      for (auto& expected : one.candidates(found)) {
        errc error = errc::none;
        auto difference = expected.difference((*again)->db(), error);
        right = right || (difference.empty() && error == errc::none);
        text += difference + "; ";
      }
      INFO("partition " << one.next.id().value << " is at " << found
                        << ", acknowledged " << one.acknowledged.size() << ": "
                        << text);
      REQUIRE(right);
    }
  }

  random_source& random_;
  small_node_options options_;
  std::vector<told_partition> partitions_;
  std::unique_ptr<recorder> calls_;
  std::unique_ptr<small_node> node_;
};

struct totals {
  std::size_t lives = 0;
  std::size_t failed_calls = 0;
  std::size_t refused_appends = 0;
  std::size_t refused_flushes = 0;
};

small_node_options options_in(const std::filesystem::path& scratch) {
  small_node_options out;
  out.folder = scratch / "node";
  out.file_bytes = std::size_t{64} << 10;
  out.flush_in_background = false;
  return out;
}

/// Lives with a fault until it is over, or for half of the lives until all
/// works again, and then is killed. Returns the calls counted.
std::size_t live_with(random_source& random,
                      const std::filesystem::path& scratch,
                      const disk_fault& fault, totals& sums) {
  shaken_node life{random, options_in(scratch)};
  life.calls().fail(fault);
  std::size_t failures = 0;
  for (std::size_t i = 0; i < steps_a_life && failures < 3; ++i) {
    if (!life.append_some())
      ++failures, ++sums.refused_appends;
    if (i % 2 == 1 && !life.flush_store()) {
      ++failures, ++sums.refused_flushes;
      CHECK(life.node().db().refusal() != errc::none);
    }
    life.check_reads();
  }
  auto calls = life.calls().calls();
  sums.failed_calls += life.calls().failures();
  ++sums.lives;
  if (below(random, 2) == 0) {
    // It works again: at once, and without a restart.
    life.calls().heal();
    CHECK((life.append_some() || life.append_some()));
    CHECK(life.node().journal().refusal() == errc::none);
    CHECK((life.flush_store() || life.flush_store()));
    CHECK(life.node().db().refusal() == errc::none);
    life.check_reads();
  }
  life.check_remains();
  return calls;
}

/// Fails each call of a life under `below`, in each way.
totals fail_each(const std::string& below_path) {
  temporary_folder scratch{scratch_parent()};
  random_source random{Catch::getSeed()};
  totals sums;
  auto calls = live_with(random, scratch.path,
                         {.below = below_path, .first = SIZE_MAX}, sums);
  CHECK(calls > 20);
  for (std::size_t first = 1; first <= calls; ++first)
    for (auto [code, done] :
         {std::pair{EIO, false}, {ENOSPC, false}, {0, false}, {EIO, true}})
      for (auto count : {std::size_t{1}, std::size_t{2}, SIZE_MAX}) {
        INFO("calls of " << below_path << " from " << first << " on, " << count
                         << " times, errno " << code
                         << (done ? ", the first is done" : "")
                         << ", --rng-seed " << Catch::getSeed());
        live_with(random, scratch.path,
                  {below_path, first, count, code, done, false}, sums);
      }
  CHECK(sums.failed_calls > calls);
  std::cout << "faults below " << below_path << ": " << sums.lives << " lives, "
            << sums.failed_calls << " failed calls, " << sums.refused_appends
            << " appends and " << sums.refused_flushes
            << " flushes of LMDB refused\n";
  return sums;
}

} // namespace

TEST_CASE("a log that cannot be written or flushed loses nothing acknowledged, "
          "and goes on in another file",
          "[faults]") {
  auto sums = fail_each("wal/");
  CHECK(sums.refused_appends > 0);
}

TEST_CASE("while LMDB cannot be written everything is read from memory, and it "
          "catches up",
          "[faults]") {
  auto sums = fail_each("store/");
  CHECK(sums.refused_appends == 0);
  CHECK(sums.refused_flushes > 0);
}

TEST_CASE("on a full disk publishing stops early enough for settling to go on",
          "[faults]") {
  temporary_folder scratch{scratch_parent()};
  random_source random{Catch::getSeed()};
  auto options = options_in(scratch.path);
  shaken_node life{random, options};
  REQUIRE(life.append_some());
  REQUIRE(life.flush_store());
  CHECK(life.node().journal().publishing_refusal() == errc::none);
  life.calls().fail({.below = "", .code = ENOSPC, .full = true});
  for (int i = 0; i < 10'000; ++i) {
    life.flush_store(); // LMDB's file has pages to reuse, or it refuses, too
    if (life.node().journal().publishing_refusal() != errc::none
        || life.node().db().refusal() != errc::none)
      break;
    REQUIRE(life.append_some());
  }
  CHECK((life.node().journal().publishing_refusal() == errc::storage_full
         || life.node().db().refusal() == errc::storage_full));
  CHECK(life.node().journal().refusal() == errc::none);
  // What is left takes more than a whole file.
  auto written = [&] { return life.node().journal().counts().bytes; };
  auto before = written();
  while (written() - before < options.file_bytes)
    REQUIRE(life.append_some());
  life.check_reads();
  life.calls().heal();
  CHECK(life.flush_store());
  CHECK(life.node().journal().publishing_refusal() == errc::none);
  life.check_remains();
}

TEST_CASE("a node starts on a full disk to be read, and goes on when there is "
          "room",
          "[faults]") {
  temporary_folder scratch{scratch_parent()};
  random_source random{Catch::getSeed()};
  auto options = options_in(scratch.path);
  options.replay_bytes = options.file_bytes / 2; // LMDB cannot take them
  shaken_node life{random, options};
  while (life.node().journal().counts().bytes < options.file_bytes * 3)
    REQUIRE(life.append_some()); // no spare file is left
  life.calls().fail({.below = "", .code = ENOSPC, .full = true});
  life.restart();
  life.check_reads();
  CHECK_FALSE(life.append_some());
  CHECK(life.node().journal().refusal() == errc::storage_full);
  life.check_reads();
  life.calls().heal();
  CHECK(life.append_some());
  life.check_remains();
}
