// LMDB as values: database, transactions, cursor. MDB_* ends here, as errc.
#pragma once

#include "actors/core/error.hpp"

#include <lmdb.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace callboard {

/// The tables of the database; `persistence/keys.hpp` says what is in them. The
/// order is part of the file format: new ones are added at the end.
enum class table : std::uint8_t {
  meta,
  applied,
  streams,
  events,
  recent_ids,
  groups,
  group_events,
  delayed,
  users,
  trims,
  names,
  order,
  consumers,
  positions,
  history,
  scheduled,
  pieces,
  answers,
};

inline constexpr std::size_t table_count = 18;

/// A row. Both views end with the next write in, or the end of, the transaction
/// they were read in.
struct row_view {
  std::string_view key;
  std::string_view value;
};

struct database_options {
  std::filesystem::path folder;
  /// Address space, not disk or memory: large is free, and it is the only bound
  /// that LMDB itself puts on the file.
#ifdef __SANITIZE_THREAD__ // which leaves no room for two of them
  std::size_t map_bytes_max = std::size_t{1} << 34;
#else
  std::size_t map_bytes_max = std::size_t{1} << 40;
#endif
  unsigned readers_max = 512; // read transactions open at the same time
  bool read_only = false;     // for `check` and `compact`: nobody else has it
};

class cursor;

/// A consistent view of the whole database. Move-only; ends when destroyed; may
/// be used by one thread at a time. While it lives no page that it can see is
/// reused, so keep it short: a forgotten one makes the file grow without bound.
class transaction {
public:
  /// The value stored under `key`, or nothing.
  result<std::optional<std::string_view>> get(table where,
                                              std::string_view key) const;

  /// The rows of `where` in byte order of their keys.
  result<cursor> rows(table where) const;

protected:
  friend class database;
  using tables = std::array<MDB_dbi, table_count>;

  struct aborter {
    void operator()(MDB_txn* txn) const noexcept { mdb_txn_abort(txn); }
  };

  using handle = std::unique_ptr<MDB_txn, aborter>;

  transaction(handle txn, const tables& all)
      : txn_(std::move(txn)), tables_(all) {}

  MDB_dbi dbi(table where) const { return tables_[std::size_t(where)]; }

  handle txn_;
  tables tables_;
};

/// The one writer. Aborts when destroyed without `commit`. Belongs to the
/// thread that began it (LMDB's rule): asserted.
class write_transaction : public transaction {
public:
  /// Errors: `too_large` for a key or value beyond the limits, `storage_full`,
  /// `storage_failed`. After any error it can only be destroyed.
  result<void> put(table where, std::string_view key, std::string_view value);

  /// The same for a row that is not there. Errors: also `corrupt`, if it is.
  result<void> put_new(table where, std::string_view key,
                       std::string_view value);

  /// Erasing what is not there is no error.
  result<void> erase(table where, std::string_view key);

  /// Durable when it returns. Errors: `storage_full`, `storage_failed`.
  result<void> commit();

private:
  friend class database;

  result<void> put(table where, std::string_view key, std::string_view value,
                   unsigned flags);

  write_transaction(handle txn, const tables& all)
      : transaction(std::move(txn), all) {}

  std::thread::id owner_ = std::this_thread::get_id();
};

/// Walks the rows of one table. Must not outlive its transaction.
class cursor {
public:
  /// The first row whose key is not less than `key`, or nothing.
  result<std::optional<row_view>> seek(std::string_view key);

  /// The row after the last one returned, or nothing.
  result<std::optional<row_view>> next();

  /// The last row whose key is less than `key`, or nothing.
  result<std::optional<row_view>> before(std::string_view key);

private:
  friend class transaction;

  struct closer {
    void operator()(MDB_cursor* c) const noexcept { mdb_cursor_close(c); }
  };

  explicit cursor(MDB_cursor* c) : cursor_(c) {}

  result<std::optional<row_view>> move(MDB_cursor_op op, std::string_view from);

  std::unique_ptr<MDB_cursor, closer> cursor_;
};

/// An open database folder. Open a folder only once in a process: LMDB's file
/// locks belong to the process, so closing one of two would unlock both.
/// Thread-safe: any thread reads; `write` waits for the other writer to finish.
class database {
public:
  /// Creates the folder and the tables if needed, and frees reader slots that a
  /// killed process left behind. `diagnosis`, if not null: why not, in words.
  /// Errors: corrupt, storage_full, storage_failed.
  static result<database> open(const database_options& options,
                               std::string* diagnosis = nullptr);

  /// Errors: storage_failed, also of one that was moved from.
  result<transaction> read() const;
  result<write_transaction> write();

  /// Bytes of the pages in use, without those that are free for reuse.
  std::uint64_t used_bytes() const;

  /// Writes what is in it now to an empty file, without the pages that are
  /// free. Errors: corrupt (pages are in use twice, or lost), storage_full,
  /// storage_failed.
  result<void> copy_to(int file) const;

  /// Whether it can be read. After a commit that failed half-way LMDB refuses
  /// everything until it is closed and opened again.
  bool usable() const { return read().has_value(); }

private:
  struct closer {
    void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
  };

  explicit database(MDB_env* env) : env_(env) {}

  std::unique_ptr<MDB_env, closer> env_;
  transaction::tables tables_{};
};

} // namespace callboard
