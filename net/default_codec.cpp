// JSON unless XML was chosen.
#include "net/default_codec.hpp"

#include "net/json_text.hpp"
#include "net/xml_document.hpp"

#include <nlohmann/json.hpp>

namespace callboard {

http_answer document_answer(const http_request& request, std::string_view root,
                            const nlohmann::ordered_json& document) {
  auto& type = *request.response_type;
  return {.content_type = type.content_type,
          .body = type.is_xml()
                    ? to_xml_document(root, document)
                    : document.dump(2, ' ', false,
                                    nlohmann::json::error_handler_t::replace)};
}

http_answer text_answer(const http_request& request, http_status status,
                        std::string_view text) {
  auto& type = *request.response_type;
  http_answer out{.status = status, .content_type = type.content_type};
  if (type.is_xml())
    out.body = text_to_xml(text);
  else
    append_json_string(out.body, text);
  return out;
}

} // namespace callboard
