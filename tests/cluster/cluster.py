# Three nodes, whatever they run in: who leads, who has caught up, and how to make one of them lead.
"""Nothing here sleeps for luck: each wait is for a condition, with a deadline."""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerFailed  # noqa: E402
from client import Client  # noqa: E402

IDS = (1, 2, 3)
POLL_S = 0.02


class Asked:
    """What a node says of itself. Beside this a node has `id`, `host`, `port`, `barco_port`, `start`
    (until it is live), `kill`, `terminate`, `pause`, `resume`, `check`, `expect_running`, `log_tail`."""

    down = True  # it was stopped or killed
    stopped = False  # SIGSTOP

    def get(self, path, timeout=1.0):
        client = Client(self.port, timeout, self.host)
        reply = client.request("GET", path)
        client.close()
        return reply

    def status(self):
        """What `GET /cluster` says, or None."""
        if self.down or self.stopped:
            return None
        reply = self.get("/cluster")
        return reply.json() if reply.status == 200 else None

    def is_live(self):
        self.expect_running()
        return self.get("/health/live").status == 204

    def is_ready(self):
        self.expect_running()
        return self.get("/health/ready").status == 204


class Nodes:
    """`nodes` by id."""

    kinds_missing = ()  # faults that it cannot have

    def endpoints(self):
        return [(node.host, node.port) for node in self.nodes.values()]

    def barco_endpoints(self):
        return [(node.host, node.barco_port) for node in self.nodes.values()]

    def wait(self, condition, deadline_s, text, *nodes):
        """What the condition returns once that is true. BrokerFailed: the deadline passed."""
        end = time.monotonic() + deadline_s
        while not (got := condition()):
            if time.monotonic() > end:
                raise BrokerFailed(f"not within {deadline_s:g} s: {text}\n{self.told()}"
                                   + "".join(node.log_tail() for node in nodes))
            time.sleep(POLL_S)  # between two polls of a condition with a deadline
        return got

    def told(self):
        return "".join(f"node {node.id}: {node.status()}\n" for node in self.nodes.values())

    def leader_now(self):
        """Id of the node that leads and is known as leader to a majority, or None."""
        answers = [status for node in self.nodes.values() if (status := node.status())]
        for status in answers:
            same = [one for one in answers if one["leader"] == status["leader"]
                    and one["term"] == status["term"]]
            if status["role"] == "leader" and len(same) * 2 > len(IDS):
                return status["nodeId"]
        return None

    def wait_leader(self, deadline_s=20.0):
        return self.wait(self.leader_now, deadline_s, "there is a leader that a majority knows")

    def wait_caught_up(self, deadline_s=60.0):
        """All nodes run, may vote, and have applied what was committed when this was called."""
        def leader_says():
            leader = self.leader_now()
            return self.nodes[leader].status() if leader else None

        committed = self.wait(leader_says, 20, "a leader that a majority knows")["commitIndex"]

        def caught_up():
            for node in self.nodes.values():
                node.expect_running()
            answers = [node.status() for node in self.nodes.values()]
            return all(one and one["leader"] and one["appliedIndex"] >= committed
                       for one in answers) and all(node.is_ready() for node in self.nodes.values())

        self.wait(caught_up, deadline_s, f"all nodes are ready and have applied {committed}",
                  *self.nodes.values())

    def make_leader(self, target, mark):
        """In quiet: only the target has everything and a majority. `mark()` commits an entry."""
        leader = self.wait_leader()
        if leader != target:
            other = next(i for i in IDS if i not in (leader, target))
            self.nodes[other].terminate()
            mark()
            self.wait_caught_up_of(leader, target)
            self.nodes[leader].terminate()
            self.nodes[other].start()
            self.wait(lambda: self.leader_now() == target, 20, f"node {target} leads")
            self.nodes[leader].start()
        self.wait_caught_up()

    def wait_caught_up_of(self, leader, follower):
        """The follower has applied what the leader has committed."""
        def caught_up():
            told = [self.nodes[i].status() for i in (leader, follower)]
            return all(told) and told[1]["appliedIndex"] >= told[0]["commitIndex"]
        self.wait(caught_up, 20, f"node {follower} has applied all of node {leader}")

    def last_words(self, bytes_max=2500):
        return "".join(f"--- node {node.id}, its log's end:\n{node.log_tail(bytes_max)}"
                       for node in self.nodes.values())
