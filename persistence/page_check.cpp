// The pages as LMDB 0.9 lays them out (`MDB_page`, `MDB_node`, `MDB_meta` in
// its mdb.c), on a machine with pages of 4 KiB and numbers of 64 bits.
#include "persistence/page_check.hpp"

#include "persistence/blocks.hpp"
#include "persistence/keys.hpp"
#include "persistence/mapped_file.hpp"
#include "persistence/rows.hpp"
#include "persistence/table_names.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace callboard {

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t head_bytes = 16; // of a page
constexpr std::size_t node_bytes = 8;  // of a node, before its key
constexpr std::size_t tree_bytes = 48; // `MDB_db`
constexpr std::uint64_t no_page = UINT64_MAX;
constexpr unsigned depth_max = 32; // CURSOR_STACK

enum page_flags : std::uint16_t {
  branch = 0x01,
  leaf = 0x02,
  overflow = 0x04,
  meta = 0x08
};

enum node_flags : std::uint16_t { big = 0x01, subtree = 0x02 };

constexpr std::uint16_t integer_keys = 0x08; // of the list of free pages

std::size_t even(std::size_t n) noexcept {
  return (n + 1) & ~std::size_t{1};
}

/// One walk over the file; ends with the first problem.
class page_walk {
public:
  page_walk(std::string_view file, std::uintmax_t whole_up_to)
      : file_(file), whole_up_to_(whole_up_to) {}

  /// Empty: all is well.
  std::string run() {
    if (file_.size() < 2 * page_bytes || file_.size() % page_bytes != 0)
      problem_ = "it ends in the middle of a page";
    else if (metas() && tree(newest_ + 72, "tables", 0) && last_one()
             && tree(newest_ + 24, "free pages", integer_keys))
      free_pages();
    return problem_;
  }

private:
  /// A tree while it is walked.
  struct walked_tree {
    std::string name;
    bool numbers = false; // keys are integers: the list of free pages
    bool whole = true;    // its rows are read, not only where they lie
    unsigned depth = 0;
    std::uint64_t rows = 0;
  };

  /// Keys of a page lie in [low, high); nothing: unbounded.
  struct key_range {
    std::optional<std::string_view> low;
    std::optional<std::string_view> high;
  };

  struct node {
    std::uint16_t flags = 0;
    std::uint64_t below = 0; // of a branch page
    std::string_view key;
    std::string_view value; // of a leaf page, as it lies in the node
    std::size_t value_bytes = 0;
  };

  template <class Integer>
  Integer load(std::size_t at) const noexcept {
    Integer x = 0;
    std::memcpy(&x, file_.data() + at, sizeof x);
    return x;
  }

  bool fail(std::uint64_t page, const std::string& what) {
    problem_ = "page " + std::to_string(page) + ": " + what;
    return false;
  }

  bool metas() {
    std::uint64_t number[2];
    for (std::size_t i : {0, 1}) {
      auto base = i * page_bytes;
      if (load<std::uint64_t>(base) != i
          || load<std::uint16_t>(base + 10) != meta
          || load<std::uint32_t>(base + head_bytes) != 0xBEEFC0DE
          || load<std::uint32_t>(base + head_bytes + 4) != 1
          || load<std::uint32_t>(base + head_bytes + 24) != page_bytes)
        return fail(i, "it is no meta page");
      number[i] = load<std::uint64_t>(base + head_bytes + 128);
    }
    // Transactions write to the two in turn, those with even numbers to the
    // first.
    bool fresh = number[0] == 0 && number[1] == 0;
    bool in_turn =
      number[0] % 2 == 0 && number[1] % 2 == 1
      && (number[0] + 1 == number[1] || number[1] + 1 == number[0]);
    if (!fresh && !in_turn)
      return fail(0, "the numbers of the last two transactions do not fit");
    std::size_t page = number[1] > number[0] ? 1 : 0;
    newest_ = page * page_bytes + head_bytes;
    last_page_ = load<std::uint64_t>(newest_ + 120);
    // Pages at the end may have been given back before they were written.
    if (last_page_ < 1 || last_page_ > 2 * (file_.size() / page_bytes) + 4096)
      return fail(page, "the number of pages does not fit the file");
    used_.resize(std::size_t(last_page_) + 1);
    used_[0] = used_[1] = true;
    return true;
  }

  /// Each transaction but the one that makes a file says its number in a row:
  /// else a flipped bit could make the one before it the last.
  bool last_one() {
    auto number = load<std::uint64_t>(newest_ + 128);
    return number <= 1 || committed_ == number
           || fail(newest_ / page_bytes, "its transaction has another number");
  }

  bool tree(std::size_t at, const std::string& name, std::uint16_t flags) {
    walked_tree found{name, flags == integer_keys};
    auto count = [&](std::size_t where) {
      return load<std::uint64_t>(at + where);
    };
    auto leaves = count(16);
    auto root = count(40);
    auto holder = at / page_bytes;
    found.depth = load<std::uint16_t>(at + 6);
    found.whole = leaves <= whole_up_to_ / page_bytes || name == "tables"
                  || name == "meta" || found.numbers;
    if (load<std::uint16_t>(at + 4) != flags || found.depth > depth_max
        || (root == no_page) != (found.depth == 0)
        || std::max({count(8), leaves, count(24)}) > last_page_)
      return fail(holder, "the record of " + name + " is no such record");
    if (root != no_page && !page(root, 1, {}, found))
      return false;
    if (found.whole && found.rows != count(32))
      return fail(holder, name + " has " + std::to_string(found.rows)
                            + " rows and not " + std::to_string(count(32)));
    return true;
  }

  bool take(std::uint64_t number, std::uint64_t count, const std::string& of) {
    if (number < 2 || number > last_page_ || count > last_page_ - number + 1)
      return fail(number, "named in " + of + ", there is no such page");
    for (auto i = number; i < number + count; ++i) {
      if (used_[std::size_t(i)])
        return fail(i, "used twice, also in " + of);
      used_[std::size_t(i)] = true;
    }
    return true;
  }

  bool in_file(std::uint64_t number, std::uint64_t count) const {
    return number + count <= file_.size() / page_bytes;
  }

  bool page(std::uint64_t number, unsigned level, const key_range& range,
            walked_tree& of) {
    if (!take(number, 1, of.name))
      return false;
    if (!in_file(number, 1))
      return fail(number, "the file ends before it");
    if (level == of.depth && !of.whole)
      return true;
    auto base = std::size_t(number) * page_bytes;
    auto kind = level == of.depth ? leaf : branch;
    std::size_t lower = load<std::uint16_t>(base + 12);
    std::size_t upper = load<std::uint16_t>(base + 14);
    if (load<std::uint64_t>(base) != number
        || load<std::uint16_t>(base + 10) != kind || lower % 2 != 0
        || lower < head_bytes + (kind == branch ? 4 : 2) || lower > upper
        || upper > page_bytes)
      return fail(number, "of " + of.name + ", its header is wrong");
    std::vector<node> nodes;
    if (!read_nodes(number, base, (lower - head_bytes) / 2, upper, kind, of,
                    nodes)
        || !in_order(number, nodes, kind, range, of))
      return false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (kind == leaf) {
        if (++of.rows; !row(number, nodes[i], of))
          return false;
        continue;
      }
      key_range below = range;
      if (i > 0)
        below.low = nodes[i].key;
      if (i + 1 < nodes.size())
        below.high = nodes[i + 1].key;
      if (!page(nodes[i].below, level + 1, below, of))
        return false;
    }
    return true;
  }

  bool read_nodes(std::uint64_t number, std::size_t base, std::size_t count,
                  std::size_t upper, page_flags kind, const walked_tree& of,
                  std::vector<node>& out) {
    auto wrong = [&] {
      return fail(number, "of " + of.name + ", a row's place or size is wrong");
    };
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t at = load<std::uint16_t>(base + head_bytes + 2 * i);
      if (at < upper || at + node_bytes > page_bytes)
        return wrong();
      node one;
      one.flags = load<std::uint16_t>(base + at + 4);
      std::size_t low = load<std::uint16_t>(base + at);
      std::size_t high = load<std::uint16_t>(base + at + 2);
      std::size_t key = load<std::uint16_t>(base + at + 6);
      std::size_t in_node = 0;
      if (kind == branch)
        one.below = low | high << 16 | std::uint64_t{one.flags} << 32;
      else if (one.value_bytes = low | high << 16; (one.flags & big) != 0)
        in_node = sizeof(std::uint64_t);
      else
        in_node = one.value_bytes;
      if (at + node_bytes + key + in_node > page_bytes)
        return wrong();
      one.key = file_.substr(base + at + node_bytes, key);
      one.value = file_.substr(base + at + node_bytes + key, in_node);
      sum += even(node_bytes + key + in_node);
      out.push_back(one);
    }
    return sum == page_bytes - upper || wrong(); // rows lie side by side
  }

  static bool before(std::string_view x, std::string_view y,
                     const walked_tree& of) {
    if (!of.numbers)
      return x < y;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::memcpy(&a, x.data(), std::min(x.size(), sizeof a));
    std::memcpy(&b, y.data(), std::min(y.size(), sizeof b));
    return a < b;
  }

  bool in_order(std::uint64_t number, const std::vector<node>& nodes,
                page_flags kind, const key_range& range,
                const walked_tree& of) {
    std::size_t first = kind == branch ? 1 : 0; // the first key says nothing
    for (std::size_t i = first; i < nodes.size(); ++i) {
      auto key = nodes[i].key;
      if ((of.numbers && key.size() != sizeof(std::uint64_t))
          || (i > first && !before(nodes[i - 1].key, key, of))
          || (range.low && before(key, *range.low, of))
          || (range.high && !before(key, *range.high, of)))
        return fail(number, "of " + of.name + ", its rows are not in order");
    }
    return true;
  }

  bool row(std::uint64_t number, const node& one, const walked_tree& of) {
    if (of.name == "tables") {
      if (one.flags != subtree || one.value.size() != tree_bytes
          || std::find(table_names.begin(), table_names.end(), one.key)
               == table_names.end())
        return fail(number, "a table's name or record is wrong");
      return tree(std::size_t(one.value.data() - file_.data()),
                  std::string{one.key}, 0);
    }
    if ((one.flags & ~big) != 0)
      return fail(number, "of " + of.name + ", a row's flags are wrong");
    auto value = one.value;
    if ((one.flags & big) != 0 && !own_pages(one, of, value))
      return false;
    if (of.numbers)
      return remember_free(number, value);
    if (of.name == "meta" && one.key == transaction_key
        && value.size() == sizeof committed_)
      std::memcpy(&committed_, value.data(), sizeof committed_);
    if (of.name == "events"
          ? one.key.size() != keys::block_bytes
              || (!value.empty() && !blocks::in_place({one.key, value}))
          : of.name != "meta" && !value.empty() && !unseal(one.key, value))
      return fail(number,
                  "of " + of.name
                    + ", a row's checksum is wrong, or that of its key");
    return true;
  }

  /// A row whose value has pages of its own. `value` becomes empty if they are
  /// not to be read.
  bool own_pages(const node& one, const walked_tree& of,
                 std::string_view& value) {
    std::uint64_t first = 0;
    std::memcpy(&first, one.value.data(), sizeof first);
    auto count = (head_bytes + one.value_bytes + page_bytes - 1) / page_bytes;
    value = {};
    if (!take(first, count, of.name))
      return false;
    if (file_.size() > whole_up_to_ && !of.numbers)
      return true;
    if (!in_file(first, count))
      return fail(first, "the file ends before it");
    auto base = std::size_t(first) * page_bytes;
    auto has = load<std::uint32_t>(base + 12);
    if (load<std::uint64_t>(base) != first
        || load<std::uint16_t>(base + 10) != overflow || has < count)
      return fail(first, "of " + of.name + ", its header is wrong");
    value = file_.substr(base + head_bytes, one.value_bytes);
    return has == count || take(first + count, has - count, of.name);
  }

  /// `count, page...`, from the highest one down.
  bool remember_free(std::uint64_t number, std::string_view list) {
    auto wrong = [&] {
      return fail(number, "its list of free pages is wrong");
    };
    std::uint64_t count = 0;
    if (list.size() < sizeof count || list.size() % sizeof count != 0)
      return wrong();
    std::memcpy(&count, list.data(), sizeof count);
    if (count > list.size() / sizeof count - 1)
      return wrong();
    auto above = no_page;
    for (std::size_t i = 1; i <= count; ++i) {
      std::uint64_t one = 0;
      std::memcpy(&one, list.data() + i * sizeof one, sizeof one);
      if (one >= above)
        return wrong();
      free_.push_back(above = one);
    }
    return true;
  }

  void free_pages() {
    for (auto one : free_)
      if (!take(one, 1, "the list of free pages"))
        return;
  }

  std::string_view file_;
  std::uintmax_t whole_up_to_;
  std::size_t newest_ = 0; // of the meta page in force, behind its header
  std::uint64_t last_page_ = 0;
  std::uint64_t committed_ = 0; // as its row says
  std::vector<bool> used_;
  std::vector<std::uint64_t> free_;
  std::string problem_;
};

} // namespace

std::optional<std::string>
find_damaged_page(const std::filesystem::path& store_folder,
                  std::uintmax_t whole_up_to) {
  auto path = store_folder / "data.mdb";
  auto file = mapped_file::open(path);
  if (!file || file->bytes().empty())
    return std::nullopt;
  auto problem = page_walk{file->bytes(), whole_up_to}.run();
  if (problem.empty())
    return std::nullopt;
  return path.string() + ", " + problem;
}

} // namespace callboard
