// The client's side of HTTP/2, by nghttp2, without a socket.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard::test {

/// One frame as bytes, right or wrong.
inline std::string h2_frame(std::uint8_t type, std::uint8_t flags,
                            std::uint32_t stream,
                            std::string_view payload = {}) {
  std::string out;
  for (int shift = 16; shift >= 0; shift -= 8)
    out += char(payload.size() >> shift & 0xff);
  out += char(type);
  out += char(flags);
  for (int shift = 24; shift >= 0; shift -= 8)
    out += char(stream >> shift & 0xff);
  return out.append(payload);
}

/// Takes and gives bytes. What a server may not do throws.
class h2_peer {
public:
  using header_list = std::vector<std::pair<std::string, std::string>>;

  struct response {
    header_list headers; // as they came, with `:status`
    std::string body;
    int heads = 0; // 1xx too
    bool complete = false;
    bool closed = false;
    std::uint32_t error = 0; // of the stream's end

    std::string header(std::string_view name) const {
      std::string out;
      for (auto& [n, value] : headers)
        if (n == name)
          out.append(out.empty() ? "" : ", ").append(value);
      return out;
    }

    std::string status() const { return header(":status"); }
  };

  struct options {
    std::uint32_t window = 65'535; // of each stream, for answers
    bool reads = true;             // gives window back for what came
    bool upgraded = false;         // its first request went by HTTP/1.1
    bool careless = false;         // sends headers unchecked
  };

  h2_peer() : h2_peer(options{}) {}

  explicit h2_peer(const options& how) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    set(callbacks);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, how.reads ? 0 : 1);
    nghttp2_option_set_no_http_messaging(option, how.careless ? 1 : 0);
    nghttp2_session* made = nullptr;
    nghttp2_session_client_new2(&made, callbacks, this, option);
    session_.reset(made);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                  how.window};
    if (how.upgraded)
      nghttp2_session_upgrade2(made, nullptr, 0, 0, nullptr);
    nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, &window, 1);
  }

  h2_peer(const h2_peer&) = delete;
  h2_peer& operator=(const h2_peer&) = delete;

  /// The stream's number. A body of which only `ended` is false goes on with
  /// `send`.
  std::int32_t request(std::string_view method, std::string_view path,
                       const header_list& extra = {}, std::string body = {},
                       bool ended = true) {
    header_list sent{{":method", std::string{method}},
                     {":scheme", "http"},
                     {":authority", "localhost"},
                     {":path", std::string{path}}};
    sent.insert(sent.end(), extra.begin(), extra.end());
    return request(sent, std::move(body), ended);
  }

  /// With these headers and no others.
  std::int32_t request(const header_list& sent, std::string body = {},
                       bool ended = true) {
    std::vector<nghttp2_nv> fields;
    auto bytes = [](const std::string& text) {
      return const_cast<std::uint8_t*>(
        reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    for (auto& [name, value] : sent)
      fields.push_back({bytes(name), bytes(value), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    auto out = std::make_unique<outgoing>();
    out->bytes = std::move(body);
    out->ended = ended;
    nghttp2_data_provider provider{};
    provider.source.ptr = out.get();
    provider.read_callback = read;
    bool has_body = !out->bytes.empty() || !ended;
    auto id = nghttp2_submit_request(session_.get(), nullptr, fields.data(),
                                     fields.size(),
                                     has_body ? &provider : nullptr, nullptr);
    if (id < 0)
      throw std::runtime_error{nghttp2_strerror(id)};
    outgoing_[id] = std::move(out);
    return id;
  }

  /// More of a request's body.
  void send(std::int32_t id, std::string_view body, bool ended) {
    outgoing_[id]->bytes += body;
    outgoing_[id]->ended = ended;
    nghttp2_session_resume_data(session_.get(), id);
  }

  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id,
                              NGHTTP2_CANCEL);
  }

  void ping() {
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  }

  /// Allows so many more bytes of an answer, or of all.
  void grant(std::int32_t id, std::int32_t bytes) {
    nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, id, bytes);
  }

  void goodbye() {
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  }

  /// All that is to be sent now.
  std::string output() {
    std::string out;
    for (;;) {
      const std::uint8_t* data = nullptr;
      auto size = nghttp2_session_mem_send(session_.get(), &data);
      if (size < 0)
        throw std::runtime_error{nghttp2_strerror(int(size))};
      if (size == 0)
        return out;
      out.append(reinterpret_cast<const char*>(data), std::size_t(size));
    }
  }

  void input(std::string_view bytes) {
    auto size = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
      bytes.size());
    if (size < 0)
      throw std::runtime_error{nghttp2_strerror(int(size))};
  }

  const response& operator[](std::int32_t id) { return responses_[id]; }

  nghttp2_session* session() { return session_.get(); }

  int pongs = 0;
  std::optional<std::uint32_t> goaway{}; // its code
  std::int32_t last_stream = -1;         // that GOAWAY speaks of
  std::map<std::int32_t, std::uint32_t> settings{};

private:
  struct outgoing {
    std::string bytes;
    std::size_t sent = 0;
    bool ended = true;
  };

  static h2_peer& self(void* user_data) {
    return *static_cast<h2_peer*>(user_data);
  }

  static ssize_t read(nghttp2_session*, std::int32_t, std::uint8_t* to,
                      std::size_t room, std::uint32_t* flags,
                      nghttp2_data_source* source, void*) {
    auto& from = *static_cast<outgoing*>(source->ptr);
    auto size = std::min(room, from.bytes.size() - from.sent);
    from.bytes.copy(reinterpret_cast<char*>(to), size, from.sent);
    from.sent += size;
    bool whole = from.sent == from.bytes.size();
    if (whole && from.ended)
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    return whole && !from.ended && size == 0 ? ssize_t(NGHTTP2_ERR_DEFERRED)
                                             : ssize_t(size);
  }

  static void set(nghttp2_session_callbacks* to) {
    nghttp2_session_callbacks_set_on_header_callback(
      to, [](auto*, const nghttp2_frame* frame, const std::uint8_t* name,
             std::size_t name_size, const std::uint8_t* value,
             std::size_t value_size, std::uint8_t, void* user_data) {
        self(user_data).responses_[frame->hd.stream_id].headers.emplace_back(
          std::string{reinterpret_cast<const char*>(name), name_size},
          std::string{reinterpret_cast<const char*>(value), value_size});
        return 0;
      });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      to, [](auto*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
             std::size_t size, void* user_data) {
        self(user_data).responses_[id].body.append(
          reinterpret_cast<const char*>(data), size);
        return 0;
      });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
      to, [](auto*, const nghttp2_frame* frame, void* user_data) {
        self(user_data).on_frame(*frame);
        return 0;
      });
    nghttp2_session_callbacks_set_on_stream_close_callback(
      to, [](auto*, std::int32_t id, std::uint32_t code, void* user_data) {
        self(user_data).responses_[id].closed = true;
        self(user_data).responses_[id].error = code;
        return 0;
      });
  }

  void on_frame(const nghttp2_frame& frame) {
    auto id = frame.hd.stream_id;
    switch (frame.hd.type) {
      case NGHTTP2_HEADERS: ++responses_[id].heads; break;
      case NGHTTP2_PING:
        pongs += (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
        break;
      case NGHTTP2_GOAWAY:
        goaway = frame.goaway.error_code;
        last_stream = frame.goaway.last_stream_id;
        break;
      case NGHTTP2_SETTINGS:
        for (std::size_t i = 0; i < frame.settings.niv; ++i)
          settings[frame.settings.iv[i].settings_id] =
            frame.settings.iv[i].value;
        break;
      default: break;
    }
    bool data =
      frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
    if (data && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
      responses_[id].complete = true;
  }

  struct delete_session {
    void operator()(nghttp2_session* session) const {
      nghttp2_session_del(session);
    }
  };

  std::map<std::int32_t, std::unique_ptr<outgoing>> outgoing_;
  std::map<std::int32_t, response> responses_;
  std::unique_ptr<nghttp2_session, delete_session> session_;
};

} // namespace callboard::test
