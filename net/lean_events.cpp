// Members are appended; what is JSON already is copied.
#include "net/lean_events.hpp"

#include "net/json_layout.hpp"
#include "net/json_text.hpp"

#include <sodium.h>

namespace callboard {

namespace {

constexpr int base64_kind = sodium_base64_VARIANT_ORIGINAL;

/// Text that is JSON, bytes that are not, or nothing.
void append_bytes(std::string& out, std::string_view bytes, bool json) {
  if (bytes.empty())
    out += "null";
  else if (json)
    out += without_byte_order_mark(bytes);
  else {
    out += '"';
    append_base64(out, bytes);
    out += '"';
  }
}

} // namespace

void append_base64(std::string& out, std::string_view bytes) {
  auto begun = out.size();
  auto room = sodium_base64_encoded_len(bytes.size(), base64_kind);
  out.resize(begun + room); // with the NUL behind it
  sodium_bin2base64(out.data() + begun, room,
                    reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), base64_kind);
  out.pop_back();
}

void append_lean_body(std::string& out, const event& what) {
  bool as_json = what.is_json && is_json(what.data);
  out += "\"contentType\":\"";
  out += as_json ? "application/json" : "application/octet-stream";
  out += "\",\"data\":";
  append_bytes(out, what.data, as_json);
  out += ",\"metadata\":";
  append_bytes(out, what.metadata, is_json(what.metadata));
}

void append_lean(std::string& out, std::string_view stream, group_id group,
                 const delivery& what, lean_embed embed) {
  auto& original = *what.what.original;
  auto* shown = what.what.resolved.get();
  out += "{\"id\":\"";
  append_id(out, original.id);
  if (shown != nullptr && shown->id != original.id) {
    out += "\",\"eventId\":\"";
    append_id(out, shown->id);
  }
  out += "\",\"lease\":\"";
  out += to_string(lease_token{group, what.lease});
  out += "\",\"stream\":";
  append_json_string(out, what.what.through_link() ? what.what.target : stream);
  out += ",\"number\":";
  append_number(out, (shown != nullptr ? *shown : original).number.value);
  out += ",\"type\":";
  append_json_string(out, (shown != nullptr ? *shown : original).type);
  out += ",\"attempt\":";
  append_number(out, what.attempt);
  out += ",\"created\":\"";
  append_time(out, (shown != nullptr ? *shown : original).created);
  out += '"';
  if (embed == lean_embed::body) {
    out += ',';
    append_lean_body(out, shown != nullptr ? *shown : original);
  }
  out += '}';
}

} // namespace callboard
