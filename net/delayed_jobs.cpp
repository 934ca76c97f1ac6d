// Many messages at once: jobs that the partitions work off, each on its own.
#include "actors/core/limits.hpp"
#include "actors/core/scheduled.hpp"
#include "actors/core/time_text.hpp"
#include "net/delayed_json.hpp"
#include "net/delayed_names.hpp"
#include "net/delayed_request.hpp"
#include "net/delayed_routes.hpp"
#include "net/delayed_times.hpp"
#include "net/eventstore_request.hpp"
#include "net/json_body.hpp"
#include "net/problem.hpp"
#include "net/random_uuid.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace callboard::delayed_routes {

namespace {

using nlohmann::ordered_json;
using partitions = std::vector<partition_id>;

http_answer json_answer(http_status status, const ordered_json& body) {
  return {.status = status,
          .content_type = media::json.content_type,
          .body = body.dump(2) + "\n"};
}

/// Why a job is not about this kind.
refusal no_job_for(delayed_kind kind, bulk_verb verb) {
  auto text = "kind is '" + std::string{name_of(kind)} + "'; ";
  if (kind == delayed_kind::retry_due && verb == bulk_verb::cancel)
    text += "retries can be moved, and not taken away: what is not to be tried "
            "again is parked or skipped.";
  else if (kind == delayed_kind::retry_due)
    text += "retries are moved by a job of their own: ask for kind=retry, and "
            "for the other kinds with another request.";
  else if (kind == delayed_kind::lease_end)
    text += "the ends of leases are not changed by the many: each is a promise "
            "to a consumer who is at work. He extends or releases his lease; "
            "PATCH /delayed/ID moves one.";
  else
    text += "only publish and recurring may be changed, and retry moved: the "
            "others belong to groups and streams.";
  return {409, text};
}

/// What a job may be about. A request that names nothing would be about all:
/// it has to say so.
accepted<delayed_filter> read_job_filter(const services_ptr& services,
                                         const http_request& request,
                                         bulk_verb verb) {
  if (auto ok = check_query_names(
        request, {"kind", "stream", "group", "from", "to", "dryRun", "job"});
      !ok)
    return ok.error();
  for (auto* name : {"stream", "group"})
    if (request.query(name) == "") // of a script whose variable is not set
      return refusal{400, std::string{name}
                            + " is empty; allowed: a name, or no " + name
                            + " in the query, which is about all."};
  auto filter = read_delayed_filter(services, request);
  if (!filter)
    return filter;
  auto& kinds = filter->kinds;
  if (kinds.empty() && filter->stream.empty() && filter->group.empty()
      && filter->from.value == 0 && filter->to.value == 0)
    return refusal{400, "The request names none of kind, stream, group, from "
                        "and to; kind=publish,recurring is about everything "
                        "that may be changed."};
  if (kinds.empty())
    kinds = {delayed_kind::publish, delayed_kind::recurring};
  if (moves_retries({.verb = verb, .filter = *filter}))
    return filter;
  for (auto kind : kinds)
    if (!may_be_changed(kind))
      return no_job_for(kind, verb);
  return filter;
}

accepted<uuid> read_job_id(const http_request& request) {
  auto text = request.query("job");
  if (!text)
    return random_uuid();
  auto id = parse_uuid(*text);
  if (!id || id->is_zero())
    return refusal{400, "job is '" + std::string{text->substr(0, 100)}
                          + "'; allowed: a GUID."};
  return *id;
}

partitions partitions_of(const services_ptr& services,
                         const delayed_filter& filter) {
  if (!filter.stream.empty())
    return {services->placement.home_of(filter.stream)};
  partitions out;
  for (std::size_t p = 0; p < services->partitions->partitions.size(); ++p)
    out.push_back({p});
  return out;
}

/// Runs `then` with what all partitions said, in order.
template <class Reply>
struct gathering {
  explicit gathering(std::size_t count) : said(count, errc::unavailable) {}

  void take(std::size_t i, const result<Reply>& reply) {
    said[i] = reply;
    if (++came == said.size())
      then(said);
  }

  std::vector<result<Reply>> said;
  std::size_t came = 0;
  std::function<void(const std::vector<result<Reply>>&)> then;
};

/// Sends the same to some partitions.
template <class What, class Then>
void ask_partitions(const services_ptr& services, const http_exchange& exchange,
                    const partitions& whom, const What& what, Then then) {
  auto all = std::make_shared<gathering<schedule_reply>>(whom.size());
  all->then = std::move(then);
  for (std::size_t i = 0; i < whom.size(); ++i)
    ask_for<schedule_reply>(
      services, exchange, services->partitions->partitions[whom[i].value],
      [all, i](const result<schedule_reply>& reply) { all->take(i, reply); },
      delayed_atom_v, what);
}

void start(const services_ptr& services, const http_exchange& exchange,
           const bulk_command& what) {
  ask_partitions(
    services, exchange, partitions_of(services, what.filter), what,
    [services, exchange, id = to_string(what.id),
     retries = moves_retries(what)](auto& said) {
      auto worst = errc::none;
      for (auto& reply : said)
        if (auto why = reply ? reply->error : reply.error(); why != errc::none)
          worst = why;
      auto url = services->base(exchange.request()) + "/delayed/jobs/" + id;
      if (worst == errc::too_large && retries)
        return exchange.answer(beyond_retry_max());
      if (worst == errc::too_large)
        return exchange.answer(
          problem(http_status::bad_request, "too-far-ahead", too_far()));
      if (worst == errc::already_exists)
        return exchange.answer(problem(http_status::conflict, "job-id-in-use",
                                       "The id of the job is that of a "
                                       "scheduled event or schedule."));
      if (worst != errc::none)
        return exchange.answer(problem(
          http_status::service_unavailable, "job-not-begun",
          "Not all partitions have begun the job. Repeat the request "
          "with job="
            + id + ": those that have begun go on, and do nothing twice.",
          {{"job", id}}));
      auto answer =
        json_answer(http_status::accepted, {{"job", id}, {"url", url}});
      answer.add_header("Location", url);
      exchange.answer(promised(*services, std::move(answer)));
    });
}

struct dry_run {
  delayed_query query;
  std::uint64_t matched = 0;
  std::chrono::steady_clock::time_point until =
    std::chrono::steady_clock::now() + limits::dry_run_wait_max;
};

void count_on(const services_ptr& services, const http_exchange& exchange,
              const std::shared_ptr<dry_run>& run) {
  ask_for<delayed_page_ptr>(
    services, exchange, services->broker,
    [services, exchange, run](const result<delayed_page_ptr>& page) {
      if (!page)
        return exchange.answer(problem(page.error(), "page"));
      auto& found = **page;
      run->matched += found.items.size();
      run->query.after_due = found.due;
      run->query.after_partition = found.partition;
      run->query.after_id = found.id;
      if (found.more && std::chrono::steady_clock::now() < run->until)
        return count_on(services, exchange, run);
      exchange.answer(
        json_answer(http_status::ok,
                    {{"matched", run->matched}, {"complete", !found.more}}));
    },
    delayed_atom_v, run->query);
}

/// The part that moving and cancelling have in common.
void begin(const services_ptr& services, const http_exchange& exchange,
           bulk_command what) {
  auto& request = exchange.request();
  auto filter = read_job_filter(services, request, what.verb);
  if (!filter)
    return exchange.answer(refused_problem(filter.error()));
  auto id = read_job_id(request);
  if (!id)
    return exchange.answer(refused_problem(id.error()));
  auto dry = request.query("dryRun").value_or("false");
  if (dry != "true" && dry != "false")
    return exchange.answer(
      refused_problem({400, "dryRun is '" + std::string{dry.substr(0, 100)}
                              + "'; allowed: true, false."}));
  if (dry == "true") {
    auto run = std::make_shared<dry_run>();
    run->query.filter = std::move(*filter);
    run->query.count = limits::delayed_looked_at_max;
    return count_on(services, exchange, run);
  }
  what.id = *id;
  what.filter = std::move(*filter);
  start(services, exchange, what);
}

/// `PT5M`, `-90s`.
accepted<std::int64_t> read_shift(const ordered_json& value) {
  auto text = value.is_string() ? value.get<std::string>() : value.dump();
  bool back = text.starts_with('-');
  auto by = parse_duration(std::string_view{text}.substr(back ? 1 : 0),
                           std::chrono::seconds{1});
  if (!by || *by > limits::delay_max)
    return refusal{400, "shift is '" + text.substr(0, 100)
                          + "'; allowed: a duration of at most 36525 days, "
                            "with - in front of it for earlier (-PT5M)."};
  return back ? -by->count() : by->count();
}

} // namespace

void move_many(const services_ptr& services, http_request& request,
               const http_exchange& exchange) {
  auto body = read_object(request.body, {"due", "delay", "shift"});
  auto due = body ? read_new_due(*body) : body.error();
  if (!due)
    return exchange.answer(refused_problem(due.error()));
  bulk_command what{.verb = bulk_verb::move, .filter = {}};
  auto shift = body->find("shift");
  if ((shift != body->end()) == due->has_value())
    return exchange.answer(
      refused_problem({400, "The body needs one of due, delay and shift."}));
  if (*due) {
    what.due = **due;
  } else {
    auto by = read_shift(*shift);
    if (!by)
      return exchange.answer(refused_problem(by.error()));
    what.verb = bulk_verb::shift;
    what.shift_ms = *by;
  }
  begin(services, exchange, std::move(what));
}

void cancel_many(const services_ptr& services, http_request&,
                 const http_exchange& exchange) {
  begin(services, exchange, {.verb = bulk_verb::cancel, .filter = {}});
}

void job(const services_ptr& services, http_request& request,
         const http_exchange& exchange) {
  auto name = std::string{request.parameter("id")};
  auto id = parse_uuid(name);
  if (!id)
    return exchange.answer(problem(errc::not_found, "job " + name));
  auto count = services->partitions->partitions.size();
  auto all = std::make_shared<gathering<delayed_detail_ptr>>(count);
  all->then = [exchange, name](auto& said) {
    std::uint64_t looked_at = 0;
    std::uint64_t changed = 0;
    std::size_t parts = 0;
    std::size_t running = 0;
    auto verb = bulk_verb::cancel;
    for (auto& one : said) {
      if (!one)
        return exchange.answer(problem(one.error(), "job " + name));
      if (*one == nullptr || !(*one)->job)
        continue;
      auto& progress = *(*one)->job;
      ++parts;
      verb = progress.verb;
      looked_at += progress.looked_at;
      changed += progress.changed;
      running += progress.done ? 0 : 1;
    }
    if (parts == 0)
      return exchange.answer(
        problem(http_status::not_found, "not-found",
                "There is no job " + name
                  + ": none was begun, or it ended more than a day ago."));
    exchange.answer(json_answer(
      http_status::ok, {{"job", name},
                        {"action", verb == bulk_verb::cancel ? "cancel"
                                   : verb == bulk_verb::move ? "move"
                                                             : "shift"},
                        {"done", running == 0},
                        {"lookedAt", looked_at},
                        {"changed", changed},
                        {"partitions", parts},
                        {"partitionsRunning", running}}));
  };
  for (std::size_t p = 0; p < count; ++p)
    ask_for<delayed_detail_ptr>(
      services, exchange, services->broker,
      [all, p](const result<delayed_detail_ptr>& found) {
        all->take(p, found);
      },
      delayed_atom_v, delayed_ref{partition_id{p}, *id});
}

void stop_job(const services_ptr& services, http_request& request,
              const http_exchange& exchange) {
  auto name = std::string{request.parameter("id")};
  auto id = parse_uuid(name);
  if (!id)
    return exchange.answer(problem(errc::not_found, "job " + name));
  ask_partitions(
    services, exchange, partitions_of(services, {}),
    delayed_command{*id, delayed_verb::stop, {}},
    [services, exchange, name](auto& said) {
      bool any = false;
      for (auto& reply : said) {
        if (!reply)
          return exchange.answer(problem(reply.error(), "job " + name));
        any = any || reply->error == errc::none;
      }
      exchange.answer(
        any ? promised(*services, plain_status(http_status::no_content))
            : problem(errc::not_found, "job " + name));
    });
}

} // namespace callboard::delayed_routes
