// Type to writer; the writers know nothing of types.
#include "net/eventstore_formats.hpp"

#include "net/eventstore_feed_html.hpp"
#include "net/eventstore_feed_json.hpp"
#include "net/eventstore_feed_xml.hpp"

namespace callboard {

std::string write_feed(const feed& what, embed_level embed,
                       const media_type& type) {
  return type.is_xml()         ? feed_to_xml(what, embed)
         : type == media::html ? feed_to_html(what)
                               : feed_to_json(what, embed);
}

std::string write_event(std::string_view base, const feed_entry& entry,
                        embed_level embed, const media_type& type) {
  using namespace media;
  if (type == octet_stream)
    return entry.shown->data;
  if (type == json)
    return data_to_json(*entry.shown);
  if (type == text_xml || type == xml)
    return data_to_xml(*entry.shown);
  if (type == es_event_json || type == k_event_json)
    return event_to_json(entry);
  if (type == es_event_xml)
    return event_to_xml(entry);
  if (type == html)
    return event_to_html(base, entry);
  return type.is_xml() ? entry_to_xml(base, entry)
                       : entry_to_json(base, entry, embed);
}

} // namespace callboard
