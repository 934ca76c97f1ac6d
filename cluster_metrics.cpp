// Numbers of the log and of the links, as Prometheus reads them.
#include "cluster_status.hpp"

#include <string_view>

namespace callboard {

namespace {

/// Families one after the other; a family's values are put behind each other.
class metrics_writer {
public:
  void family(std::string_view name, std::string_view type,
              std::string_view help) {
    name_ = "callboard_cluster_" + std::string{name};
    text += "# HELP " + name_ + " " + std::string{help} + "\n# TYPE " + name_
            + " " + std::string{type} + "\n";
  }

  void value(std::uint64_t x) {
    text += name_ + " " + std::to_string(x) + "\n";
  }

  void value(node_id node, std::uint64_t x) {
    text += name_ + "{node=\"" + std::to_string(node) + "\"} "
            + std::to_string(x) + "\n";
  }

  void one(std::string_view name, std::string_view help, std::uint64_t x) {
    family(name, "gauge", help);
    value(x);
  }

  std::string text;

private:
  std::string name_;
};

using link_number = std::uint64_t (*)(const cluster_link_status&);

void add_links(metrics_writer& to, const cluster_snapshot& what) {
  auto family = [&](std::string_view name, std::string_view type,
                    std::string_view help, link_number number) {
    to.family(name, type, help);
    for (auto& link : what.links)
      to.value(link.peer.id, number(link));
  };
  family("link_connected", "gauge", "Whether this node can send to the other.",
         [](auto& x) { return std::uint64_t(x.connected); });
  family("link_bytes_waiting", "gauge", "Bytes that wait to be sent to it.",
         [](auto& x) { return std::uint64_t(x.bytes_waiting); });
  family("link_bytes_sent_total", "counter", "Bytes sent to it.",
         [](auto& x) { return x.bytes_sent; });
  family("link_bytes_received_total", "counter", "Bytes received from it.",
         [](auto& x) { return x.bytes_received; });
  family("link_frames_dropped_total", "counter",
         "Frames that were not taken, or lost with a connection.",
         [](auto& x) { return x.frames_dropped; });
  family("link_cut_offs_total", "counter", "Connections that were given up.",
         [](auto& x) { return x.cut_offs; });
}

} // namespace

std::string metrics_of(const cluster_snapshot& what) {
  auto& log = what.log;
  metrics_writer out;
  out.one("leads", "Whether this node leads.", log.leads ? 1 : 0);
  out.one("leader", "The node that leads; 0: none is known.", log.leader);
  out.one("recovering", "Whether it catches up without a vote.",
          log.recovering ? 1 : 0);
  out.one("term", "The term of its log.", log.term);
  out.one("commit_index", "Entries known to be on a majority.", log.committed);
  out.one("applied_index", "Entries in its data.", log.applied);
  out.one("last_index", "Entries in its log.", log.last);
  if (log.leads) {
    out.family("lag_entries", "gauge",
               "Committed entries that another node has not yet.");
    for (auto& member : log.peers)
      if (member.id != log.self)
        out.value(member.id, log.committed > member.match
                               ? log.committed - member.match
                               : 0);
  }
  add_links(out, what);
  return std::move(out.text);
}

} // namespace callboard
