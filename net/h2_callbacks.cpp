// Between nghttp2's C and h2_protocol.
#include "net/h2_stream.hpp"

#include <memory>
#include <new>

namespace callboard {

namespace {

h2_protocol& owner_of(void* user_data) {
  return *static_cast<h2_protocol*>(user_data);
}

std::string_view text(nghttp2_rcbuf* bytes) {
  auto all = nghttp2_rcbuf_get_buf(bytes);
  return {reinterpret_cast<const char*>(all.base), all.len};
}

template <class T, void (*Delete)(T*)>
struct deleter {
  void operator()(T* what) const { Delete(what); }
};

using callback_table = std::unique_ptr<
  nghttp2_session_callbacks,
  deleter<nghttp2_session_callbacks, nghttp2_session_callbacks_del>>;
using option_table =
  std::unique_ptr<nghttp2_option, deleter<nghttp2_option, nghttp2_option_del>>;

void check(int result) {
  if (result != 0)
    throw std::bad_alloc{};
}

option_table make_options() {
  nghttp2_option* made = nullptr;
  check(nghttp2_option_new(&made));
  nghttp2_option_set_no_closed_streams(made, 1); // they cost memory
  nghttp2_option_set_max_outbound_ack(made, limits::h2_acks_max);
  return option_table{made};
}

} // namespace

/// Each returns an error, which ends the session, once the owner has failed.
struct h2_protocol::callbacks {
  static int go_on(const h2_protocol& owner) {
    return owner.failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static stream* find(const h2_protocol& owner, std::int32_t id) {
    return owner.find(std::uint64_t(id));
  }

  static int on_begin_headers(nghttp2_session* session,
                              const nghttp2_frame* frame, void* user_data) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      nghttp2_session_set_stream_user_data(
        session, frame->hd.stream_id,
        &owner_of(user_data).add_stream(frame->hd.stream_id));
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame,
                       nghttp2_rcbuf* name, nghttp2_rcbuf* value, std::uint8_t,
                       void* user_data) {
    auto& owner = owner_of(user_data);
    if (auto* to = find(owner, frame->hd.stream_id))
      owner.on_header(*to, text(name), text(value));
    return go_on(owner);
  }

  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame,
                               nghttp2_rcbuf*, nghttp2_rcbuf*, std::uint8_t,
                               void* user_data) {
    auto& owner = owner_of(user_data);
    if (auto* to = find(owner, frame->hd.stream_id))
      owner.on_bad_header(*to);
    return go_on(owner);
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size,
                     void* user_data) {
    auto& owner = owner_of(user_data);
    if (auto* to = find(owner, id))
      owner.on_data(*to, {reinterpret_cast<const char*>(data), size});
    return go_on(owner);
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame,
                      void* user_data) {
    auto& owner = owner_of(user_data);
    auto& head = frame->hd;
    bool last = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (head.type) {
      case NGHTTP2_HEADERS:
        if (auto* of = find(owner, head.stream_id)) {
          if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            owner.on_header_end(*of, last);
          else if (last)
            owner.on_complete(*of);
        }
        break;
      case NGHTTP2_DATA:
        if (!last && head.length == 0)
          owner.on_small_frame();
        else if (auto* of = find(owner, head.stream_id); of && last)
          owner.on_complete(*of);
        break;
      case NGHTTP2_RST_STREAM: owner.on_reset(); break;
      case NGHTTP2_SETTINGS:
        owner.greeted_ = true;
        owner.on_small_frame();
        break;
      case NGHTTP2_PING:
        owner.idle_since_ = owner.now_; // somebody wants the connection to stay
        owner.on_small_frame();
        break;
      case NGHTTP2_PRIORITY: owner.on_small_frame(); break;
      default: break;
    }
    return go_on(owner);
  }

  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame,
                           void* user_data) {
    auto& owner = owner_of(user_data);
    auto id = frame->hd.stream_id;
    bool answers =
      frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (answers && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      if (auto* of = find(owner, id))
        owner.on_produced(*of);
      if (nghttp2_session_get_stream_remote_close(session, id) == 0)
        owner.reset(id, NGHTTP2_NO_ERROR); // the rest of it is not wanted
    }
    // To make us reset streams costs as much as to reset them.
    if (frame->hd.type == NGHTTP2_RST_STREAM
        && frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
      owner.on_reset();
    return go_on(owner);
  }

  static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame,
                               int, void* user_data) {
    // An answer's head that is too large for nghttp2, or came too late.
    auto& owner = owner_of(user_data);
    if (frame->hd.type == NGHTTP2_HEADERS)
      owner.reset(frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t,
                             void* user_data) {
    auto& owner = owner_of(user_data);
    if (auto* which = find(owner, id))
      owner.remove(*which);
    return go_on(owner);
  }

  static int send_data(nghttp2_session*, nghttp2_frame*,
                       const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* user_data) {
    constexpr std::size_t head_bytes = 9;
    return owner_of(user_data).send_data(
             *static_cast<stream*>(source->ptr),
             {reinterpret_cast<const char*>(head), head_bytes}, size)
             ? 0
             : NGHTTP2_ERR_WOULDBLOCK;
  }

  static callback_table make() {
    nghttp2_session_callbacks* made = nullptr;
    check(nghttp2_session_callbacks_new(&made));
    nghttp2_session_callbacks_set_on_begin_headers_callback(made,
                                                            on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(made, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(
      made, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made,
                                                             on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(made,
                                                           on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(made, send_data);
    return callback_table{made};
  }
};

void h2_protocol::delete_session::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

nghttp2_session* h2_protocol::make_session() {
  static const callback_table table = callbacks::make();
  static const option_table options = make_options();
  nghttp2_session* made = nullptr;
  check(nghttp2_session_server_new2(&made, table.get(), this, options.get()));
  return made;
}

} // namespace callboard
