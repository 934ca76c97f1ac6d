// Eight random bytes and their checksum.
#include "persistence/wal_salt.hpp"

#include "persistence/blocks.hpp"
#include "persistence/whole_file.hpp"

#include <cstring>
#include <random>
#include <sstream>

namespace callboard {

namespace {

constexpr const char* file_name = "salt";

struct salt_file {
  std::uint64_t bits;
  std::uint64_t sum;
};

std::string_view bytes_of(const std::uint64_t& x) noexcept {
  return {reinterpret_cast<const char*>(&x), sizeof x};
}

} // namespace

std::uint64_t wal_salt::of_file(std::uint64_t sequence) const noexcept {
  auto low = checksum(bytes_of(sequence), bits);
  auto high = checksum(bytes_of(sequence), ~bits);
  return std::uint64_t{high} << 32 | low;
}

std::string wal_salt::fingerprint() const {
  std::ostringstream out;
  out.width(8);
  out.fill('0');
  out << std::hex << checksum(bytes_of(bits), 0);
  return out.str();
}

std::optional<wal_salt> wal_salt::parse(std::string_view bytes) {
  salt_file file{};
  if (bytes.size() != sizeof file)
    return std::nullopt;
  std::memcpy(&file, bytes.data(), sizeof file);
  if (file.sum != checksum(bytes_of(file.bits), 0))
    return std::nullopt;
  return wal_salt{file.bits};
}

result<std::optional<wal_salt>>
wal_salt::load(const std::filesystem::path& wal_folder) {
  auto bytes = read_whole(wal_folder / file_name);
  if (!bytes)
    return bytes.error();
  if (!*bytes)
    return std::optional<wal_salt>{};
  auto out = parse(**bytes);
  return out ? result<std::optional<wal_salt>>{out} : errc::corrupt;
}

result<wal_salt> wal_salt::make(const std::filesystem::path& wal_folder) {
  std::random_device source;
  wal_salt out{std::uint64_t{source()} << 32 | source()};
  salt_file file{out.bits, checksum(bytes_of(out.bits), 0)};
  auto done = write_whole(
    wal_folder / file_name,
    std::string_view{reinterpret_cast<const char*>(&file), sizeof file});
  return done ? result<wal_salt>{out} : done.error();
}

} // namespace callboard
