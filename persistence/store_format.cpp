// A row in `meta`.
#include "persistence/store_format.hpp"

namespace callboard {

namespace {

constexpr std::string_view format_key = "format";

} // namespace

result<void> prepare_format(database& db) {
  auto txn = db.write();
  if (!txn)
    return txn.error();
  auto known = txn->get(table::meta, format_key);
  if (!known)
    return known.error();
  if (*known)
    return **known == store_format ? result<void>{} : errc::unknown_format;
  if (auto done = txn->put(table::meta, format_key, store_format); !done)
    return done;
  return txn->commit();
}

} // namespace callboard
