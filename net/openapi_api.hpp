// The description of every route of the port, for programs and generators.
#pragma once

#include <string_view>

namespace callboard {

class router;

/// `docs/openapi.json` as it was when this program was built: OpenAPI 3.1.
extern const std::string_view openapi_document;

/// Changes with every byte of it; without quotes.
extern const std::string_view openapi_tag;

/// GET /openapi.json: everybody may read it; 304 for who has it already.
void add_openapi_route(router& routes);

} // namespace callboard
