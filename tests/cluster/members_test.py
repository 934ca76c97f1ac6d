# A running cluster gets a fourth node, loses its first one, and goes on: nothing that was accepted is missing.
"""
    members_test.py --binary build/dev/callboard [--skewed-clock build/dev/tests/cluster/libskewed_clock.so]

Publishes all the time, to any node, repeating what was not accepted with the same id; meanwhile adds,
removes, drains, kills and restarts nodes as an operator would. Ends with the log of each node if
something is not as it should be.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid

from cluster import BrokerFailed, Client
from nodes import Cluster, Node, host_of
from roaming import RoamingClient

STREAM = "members"
PAGE = 100


class Publishing(threading.Thread):
    """One event after the other until `over`; `accepted` of them."""

    def __init__(self, endpoints):
        super().__init__()
        self.endpoints = endpoints  # another list whenever nodes come or go
        self.over = threading.Event()
        self.accepted, self.unsure = [], None

    def run(self):
        chance = random.Random(1)
        while not self.over.is_set():
            event = {"eventId": str(uuid.uuid4()), "eventType": "e",
                     "data": {"n": len(self.accepted)}}
            self.unsure = event["eventId"]
            client = RoamingClient(self.endpoints, chance, timeout=8.0)
            while not self.over.is_set():
                if client.publish_one(STREAM, event).status == 201:
                    self.accepted.append(event["eventId"])
                    self.unsure = None
                    break
                self.over.wait(0.05)
            client.close()


class MembersTest:
    def __init__(self, binary, folder, skewed_clock):
        self.binary, self.skewed_clock = binary, skewed_clock
        self.cluster = Cluster(binary, folder, random.Random(), barco=False)
        self.nodes = self.cluster.nodes
        first = self.nodes[1]
        cluster_port = first.port + 1
        self.address = f"{host_of(4)}:{cluster_port}"
        secret = first.extra[first.extra.index("--cluster-secret-file") + 1]
        self.fourth = Node(4, binary, os.path.join(folder, "node4"), os.path.join(folder, "node4.log"),
                           first.port, None,
                           ["--cluster", self.address, "--join", "--cluster-secret-file", secret,
                            "--peers", f"1={host_of(1)}:{cluster_port},4={self.address}"])
        self.publishing = None

    def run(self):
        self.cluster.start()
        self.publishing = Publishing(self.cluster.endpoints())
        self.publishing.start()
        self.progress("three nodes")
        if self.skewed_clock:
            self.keep_a_lease()
        self.add_fourth()
        self.remove_first()
        self.kill_leader()
        self.drain_leader()
        self.restart_fourth()
        self.progress("in the end")
        self.publishing.over.set()
        self.publishing.join()
        self.check_events()
        self.check_folders()

    def keep_a_lease(self):
        """It ends at its time, also if the node that leads next is an hour ahead of the others."""
        second = self.nodes[2]
        second.terminate()
        second.environment = {"LD_PRELOAD": self.skewed_clock, "CLOCK_SKEW_S": "3600"}
        second.start()
        self.cluster.wait_caught_up()
        self.lead(1)
        client = Client(second.port, 8.0, second.host)
        self.expect(client.create_group("leases", "g", {"messageTimeoutMilliseconds": 60000, "startFrom": 0}).status == 201,
                    "a group is created")
        event = {"eventId": str(uuid.uuid4()), "eventType": "e", "data": {}}
        self.expect(client.publish_one("leases", event).status == 201, "an event is published")
        self.expect(len(client.fetch("leases", "g", 1).json()["entries"]) == 1, "it is leased")
        self.lead(2)
        self.expect(client.fetch("leases", "g", 1, wait_s=2).json()["entries"] == [], "its lease lasts")
        client.close()
        self.progress("a clock that is ahead")

    def damage_fourth(self):
        """It has only joined yet, so there is nothing to lose with its store."""
        self.fourth.kill()
        with open(os.path.join(self.fourth.folder, "store", "data.mdb"), "r+b") as store:
            store.write(b"U" * 8192)
        self.fourth.start()

    def add_fourth(self):
        self.fourth.start()
        self.damage_fourth()
        self.nodes[4] = self.fourth
        self.command("add", f"4={self.address}", node=2)
        self.wait_for("node 4 votes", lambda: self.role_of(4) == "voter")
        self.wait_for("node 4 is ready", self.fourth.is_ready)
        self.publishing.endpoints = self.cluster.endpoints()
        self.progress("four nodes")
        again = self.ask("POST", "/cluster/members", {"id": 4, "address": self.address})
        self.expect(again.status == 200, f"adding node 4 again: {again}")
        taken = self.ask("POST", "/cluster/members", {"id": 5, "address": self.address})
        self.expect(taken.status == 409, f"an address that is taken: {taken}")
        slip = self.ask("POST", "/cluster/drain?nod=3")
        self.expect(slip.status == 400, f"a slip in a command: {slip}")

    def remove_first(self):
        first = self.nodes.pop(1)
        self.publishing.endpoints = self.cluster.endpoints()
        # A leader hands over first, and has its successor asked.
        self.wait_for("node 1 is removed",
                      lambda: self.ask("DELETE", "/cluster/members/1").status == 404)
        self.wait_for("node 1 knows it", lambda: (first.status() or {}).get("removed"))
        self.expect(first.is_live(), "node 1 is live")
        self.expect(not first.is_ready(), "node 1 is not ready")
        self.expect(first.get(f"/streams/{STREAM}").status == 503, "node 1 serves nothing")
        self.progress("without node 1")
        _, code = first.terminate()
        self.expect(code == 0, f"node 1 ended with {code}")

    def kill_leader(self):
        leader = self.cluster.wait_leader()
        self.nodes[leader].kill()
        self.progress("without the leader")
        self.nodes[leader].start()
        self.cluster.wait_caught_up()

    def drain_leader(self):
        leader = self.cluster.wait_leader()
        self.command("drain", str(leader), node=2)
        self.wait_for("another node leads", lambda: self.cluster.leader_now() not in (None, leader))
        self.expect(self.nodes[leader].status()["drained"], "the node says that it is drained")
        self.progress("drained")
        self.wait_for("it may lead again", lambda: self.ask(
            "DELETE", f"/cluster/drain?node={leader}").status in (200, 202))
        self.wait_for("it says so", lambda: not self.nodes[leader].status()["drained"])
        self.lead(leader)

    def restart_fourth(self):
        """Its `--peers` name node 1, which is gone: it finds the others by what it stored."""
        _, code = self.fourth.terminate()
        self.expect(code == 0, f"node 4 ended with {code}")
        self.fourth.start()
        self.cluster.wait_caught_up()

    def check_events(self):
        accepted = self.publishing.accepted
        for node in self.nodes.values():
            found = self.read_all(node)
            self.expect([one for one in found if one != self.publishing.unsure] == accepted,
                        f"node {node.id} has {len(found)} events of {len(accepted)}, "
                        "or in another order")

    def read_all(self, node):
        client = Client(node.port, 8.0, node.host)
        found = []
        while True:
            page = client.request(
                "GET", f"/streams/{STREAM}/{len(found)}/forward/{PAGE}?embed=rich",
                headers={"Accept": "application/vnd.eventstore.atom+json"})
            self.expect(page.status == 200, f"reading node {node.id}: {page.status}")
            entries = page.json()["entries"]
            if not entries:
                client.close()
                return found
            found += [one["eventId"] for one in reversed(entries)]

    def check_folders(self):
        for node in self.nodes.values():
            _, code = node.terminate()
            self.expect(code == 0, f"node {node.id} ended with {code}")
            code, text = node.check()
            self.expect(code == 0, f"check of node {node.id}: {text}")

    # --- steps

    def command(self, *what, node):
        at = self.nodes[node]
        done = subprocess.run([self.binary, "cluster", *what, "--http", f"{at.host}:{at.port}",
                               "--user", "admin:changeit"], capture_output=True, text=True, timeout=60)
        self.expect(done.returncode == 0, f"callboard cluster {what}: {done.stdout} {done.stderr}")

    def lead(self, node):
        def leads():
            self.ask("POST", f"/cluster/transfer?to={node}")
            return self.cluster.leader_now() == node
        self.wait_for(f"node {node} leads", leads)

    def ask(self, method, path, body=None):
        client = Client(self.nodes[2].port, 8.0, self.nodes[2].host)
        reply = client.request(method, path, json.dumps(body).encode() if body else None)
        client.close()
        return reply

    def role_of(self, node_id):
        members = (self.nodes[2].status() or {"members": []})["members"]
        return next((one["role"] for one in members if one["id"] == node_id), None)

    def wait_for(self, text, condition):
        self.cluster.wait(condition, 60, text, *self.nodes.values())

    def progress(self, text):
        """Ten more events are accepted."""
        before = len(self.publishing.accepted)
        self.wait_for(f"publishing goes on: {text}",
                      lambda: len(self.publishing.accepted) >= before + 10)
        print(f"{text}: {len(self.publishing.accepted)} events", flush=True)

    def expect(self, holds, text):
        if not holds:
            raise BrokerFailed(text)

    def close(self):
        if self.publishing:
            self.publishing.over.set()
        for node in [self.fourth, *self.nodes.values()]:
            node.abandon()
        self.cluster.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--skewed-clock", help="a library that puts a node's clock ahead")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="callboard-members-")
    test = MembersTest(options.binary, folder, options.skewed_clock)
    try:
        test.run()
    except BrokerFailed as error:
        print(f"FAILED: {error}\n{test.cluster.last_words()}kept: {folder}")
        return 1
    finally:
        test.close()
    shutil.rmtree(folder, ignore_errors=True)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
