// LMDB calls, and the one place where their return codes become ours.
#include "persistence/database.hpp"

#include "actors/core/limits.hpp"
#include "persistence/table_names.hpp"
#include "persistence/wal_file.hpp"

#include <cassert>
#include <cerrno>
#include <system_error>

namespace callboard {

namespace {

errc to_errc(int code) noexcept {
  switch (code) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT: return errc::storage_full;
    case MDB_BAD_VALSIZE: return errc::too_large;
    case MDB_KEYEXIST: // only asked for where it must not be
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH: return errc::corrupt;
    default: return errc::storage_failed;
  }
}

MDB_val view(std::string_view bytes) noexcept {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

std::string_view view(const MDB_val& bytes) noexcept {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

} // namespace

result<std::optional<std::string_view>>
transaction::get(table where, std::string_view key) const {
  auto k = view(key);
  MDB_val value{};
  auto code = mdb_get(txn_.get(), dbi(where), &k, &value);
  if (code == MDB_NOTFOUND)
    return std::optional<std::string_view>{};
  if (code != MDB_SUCCESS)
    return to_errc(code);
  return std::optional{view(value)};
}

result<cursor> transaction::rows(table where) const {
  MDB_cursor* raw = nullptr;
  if (auto code = mdb_cursor_open(txn_.get(), dbi(where), &raw))
    return to_errc(code);
  return cursor{raw};
}

result<void> write_transaction::put(table where, std::string_view key,
                                    std::string_view value) {
  return put(where, key, value, 0);
}

result<void> write_transaction::put_new(table where, std::string_view key,
                                        std::string_view value) {
  return put(where, key, value, MDB_NOOVERWRITE);
}

result<void> write_transaction::put(table where, std::string_view key,
                                    std::string_view value, unsigned flags) {
  assert(owner_ == std::this_thread::get_id());
  assert(value.size() <= limits::value_bytes_max);
  auto k = view(key);
  auto v = view(value);
  if (auto code = mdb_put(txn_.get(), dbi(where), &k, &v, flags))
    return to_errc(code);
  return {};
}

result<void> write_transaction::erase(table where, std::string_view key) {
  assert(owner_ == std::this_thread::get_id());
  auto k = view(key);
  auto code = mdb_del(txn_.get(), dbi(where), &k, nullptr);
  if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
    return to_errc(code);
  return {};
}

result<void> write_transaction::commit() {
  assert(owner_ == std::this_thread::get_id());
  std::uint64_t number = mdb_txn_id(txn_.get());
  std::string value(reinterpret_cast<const char*>(&number), sizeof number);
  if (auto done = put(table::meta, transaction_key, value); !done)
    return done;
  // mdb_txn_commit frees the handle whatever it returns.
  if (auto code = mdb_txn_commit(txn_.release()))
    return to_errc(code);
  return {};
}

result<std::optional<row_view>> cursor::seek(std::string_view key) {
  return key.empty() ? move(MDB_FIRST, {}) : move(MDB_SET_RANGE, key);
}

result<std::optional<row_view>> cursor::next() {
  return move(MDB_NEXT, {});
}

result<std::optional<row_view>> cursor::before(std::string_view key) {
  auto at = move(MDB_SET_RANGE, key);
  if (!at)
    return at;
  return *at ? move(MDB_PREV, {}) : move(MDB_LAST, {});
}

result<std::optional<row_view>> cursor::move(MDB_cursor_op op,
                                             std::string_view from) {
  auto key = view(from);
  MDB_val value{};
  auto code = mdb_cursor_get(cursor_.get(), &key, &value, op);
  if (code == MDB_NOTFOUND)
    return std::optional<row_view>{};
  if (code != MDB_SUCCESS)
    return to_errc(code);
  return std::optional{row_view{view(key), view(value)}};
}

result<database> database::open(const database_options& options,
                                std::string* diagnosis) {
  auto refused = [&](int code) {
    if (diagnosis != nullptr) // codes of LMDB's own are negative
      *diagnosis = code < 0
                     ? options.folder.string() + ": " + mdb_strerror(code)
                     : storage_complaint(options.folder, code);
    return to_errc(code);
  };
  std::error_code failed;
  if (!options.read_only)
    std::filesystem::create_directories(options.folder, failed);
  if (failed)
    return refused(failed.value());
  MDB_env* env = nullptr;
  if (auto code = mdb_env_create(&env))
    return refused(code);
  database db{env};
  mdb_env_set_mapsize(env, options.map_bytes_max);
  mdb_env_set_maxdbs(env, MDB_dbi(table_names.size()));
  mdb_env_set_maxreaders(env, options.readers_max);
  // NOTLS: a read transaction belongs to its object, not to the thread.
  // NORDAHEAD: point reads of a file larger than memory.
  unsigned flags = MDB_NOTLS | MDB_NOMEMINIT | MDB_NORDAHEAD;
  if (options.read_only) // NOLOCK: its lock file would have to be written
    flags |= MDB_RDONLY | MDB_NOLOCK;
  if (auto code = mdb_env_open(env, options.folder.c_str(), flags, 0644))
    return refused(code);
  int freed = 0;
  if (auto code = mdb_reader_check(env, &freed))
    return refused(code);
  MDB_txn* raw = nullptr;
  if (auto code =
        mdb_txn_begin(env, nullptr, options.read_only ? MDB_RDONLY : 0, &raw))
    return refused(code);
  transaction::handle txn{raw};
  for (std::size_t i = 0; i < table_names.size(); ++i)
    if (auto code = mdb_dbi_open(raw, table_names[i].data(),
                                 options.read_only ? 0 : MDB_CREATE,
                                 &db.tables_[i])) // an older version had fewer
      return code == MDB_NOTFOUND ? errc::unknown_format : refused(code);
  if (auto code = mdb_txn_commit(txn.release()))
    return refused(code);
  return db;
}

result<transaction> database::read() const {
  if (!env_)
    return errc::storage_failed;
  MDB_txn* raw = nullptr;
  if (auto code = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &raw))
    return to_errc(code);
  return transaction{transaction::handle{raw}, tables_};
}

result<write_transaction> database::write() {
  if (!env_)
    return errc::storage_failed;
  MDB_txn* raw = nullptr;
  if (auto code = mdb_txn_begin(env_.get(), nullptr, 0, &raw))
    return to_errc(code);
  return write_transaction{transaction::handle{raw}, tables_};
}

result<void> database::copy_to(int file) const {
  if (!env_)
    return errc::storage_failed;
  auto code = mdb_env_copyfd2(env_.get(), file, MDB_CP_COMPACT);
  if (code == MDB_INCOMPATIBLE) // the pages do not add up
    return errc::corrupt;
  return code == MDB_SUCCESS ? result<void>{} : to_errc(code);
}

std::uint64_t database::used_bytes() const {
  auto view = read();
  if (!view)
    return 0;
  std::uint64_t pages = 0;
  for (auto dbi : tables_) {
    MDB_stat stat{};
    if (mdb_stat(view->txn_.get(), dbi, &stat) == MDB_SUCCESS)
      pages +=
        stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
  }
  return pages * 4096;
}

} // namespace callboard
