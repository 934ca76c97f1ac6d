// The routes of streams, one function each: parse, ask, answer (spec 6).
#pragma once

#include "net/eventstore_services.hpp"
#include "net/negotiation.hpp"

#include <array>

namespace callboard::stream_routes {

/// Bodies of a publish: one event as it is, or a batch.
inline constexpr std::array publish_types{
  media::json,           media::octet_stream,
  media::es_events_json, media::k_events_json,
  media::es_event_json,  media::k_event_json,
  media::es_events_xml,  media::es_event_xml,
  media::text_xml,       media::xml};

/// Bodies whose event gets its id from the URL.
inline constexpr std::array single_publish_types{
  media::json, media::octet_stream, media::text_xml, media::xml};

/// What a page of a stream can be had as. The first two describe the stream.
inline constexpr std::array feed_types{media::es_description_json,
                                       media::k_description_json,
                                       media::atom_xml,
                                       media::k_atom_json,
                                       media::es_atom_json,
                                       media::text_xml,
                                       media::xml,
                                       media::json,
                                       media::es_event_xml,
                                       media::es_event_json,
                                       media::k_event_json,
                                       media::es_events_xml,
                                       media::es_events_json,
                                       media::k_events_json,
                                       media::html};

/// What one event can be had as.
inline constexpr std::array event_types{
  media::atom_xml,     media::k_atom_json,   media::es_atom_json,
  media::text_xml,     media::xml,           media::json,
  media::es_event_xml, media::es_event_json, media::k_event_json,
  media::octet_stream, media::html};

// --- writing (stream_writes.cpp)

void append(const services_ptr&, http_request&, const http_exchange&);
void append_with_id(const services_ptr&, http_request&, const http_exchange&);
void append_metadata(const services_ptr&, http_request&, const http_exchange&);
void remove(const services_ptr&, http_request&, const http_exchange&);

/// A stream without a name: 400 (spec 6.1).
void refuse_no_name(const services_ptr&, http_request&, const http_exchange&);

/// To the same URL without the slash at its end (spec 6.2).
void drop_slash(const services_ptr&, http_request&, const http_exchange&);

// --- reading (stream_reads.cpp)

void newest_page(const services_ptr&, http_request&, const http_exchange&);
void one_event(const services_ptr&, http_request&, const http_exchange&);
void backward_page(const services_ptr&, http_request&, const http_exchange&);
void forward_page(const services_ptr&, http_request&, const http_exchange&);
void metadata(const services_ptr&, http_request&, const http_exchange&);
void one_metadata_event(const services_ptr&, http_request&,
                        const http_exchange&);
void metadata_backward_page(const services_ptr&, http_request&,
                            const http_exchange&);
void metadata_forward_page(const services_ptr&, http_request&,
                           const http_exchange&);

/// Pages of a group's parked stream (spec 1.11).
void parked_backward_page(const services_ptr&, http_request&,
                          const http_exchange&);
void parked_forward_page(const services_ptr&, http_request&,
                         const http_exchange&);

} // namespace callboard::stream_routes
