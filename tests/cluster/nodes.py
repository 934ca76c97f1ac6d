# Three brokers as processes on 127.0.0.1 to 127.0.0.3, with a proxy between them.
"""Nothing here sleeps for luck: each wait is for a condition, with a deadline."""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerFailed, BrokerProcess  # noqa: E402
from client import Client  # noqa: E402

IDS = (1, 2, 3)
POLL_S = 0.02


def host_of(node_id):
    return f"127.0.0.{node_id}"


def is_free(host, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(random, count):
    """The first of `count` consecutive ports that are free at this moment on all three addresses;
    below those that the kernel hands out by itself."""
    while True:
        first = random.randrange(10000, 32000 - count)
        if all(is_free(host_of(i), first + k) for i in IDS for k in range(count)):
            return first


class Node(BrokerProcess):
    """`extra`: its part in the cluster."""

    def __init__(self, node_id, binary, folder, log, port, barco_port, extra):
        self.log = log
        self.barco_port = barco_port
        barco = f"{host_of(node_id)}:{barco_port}" if barco_port else "off"
        super().__init__(binary, folder, ["--node-id", str(node_id), "--barco", barco,
                                          "--barco-advertise", host_of(node_id), *extra],
                         host=host_of(node_id), port=port)
        self.id = node_id
        self.down = True
        self.stopped = False

    def start(self):
        super().start()
        self.down = False

    def kill(self):
        self.down = True
        self.stopped = False
        super().kill()

    def terminate(self, deadline_s=10.0):
        self.down = True
        return super().terminate(deadline_s)

    def pause(self):
        self.expect_running()
        self.stopped = True
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def log_path(self):
        return self.log  # not beside the folder: that disk may be full

    def wipe(self):
        """Its directory is gone, as with a new disk."""
        assert self.down
        shutil.rmtree(self.folder)

    def status(self, timeout=1.0):
        """What `GET /cluster` says, or None."""
        client = Client(self.port, timeout, self.host)
        reply = client.request("GET", "/cluster")
        client.close()
        return reply.json() if reply.status == 200 else None


class Links:
    """The proxy: for each ordered pair of nodes an address where the first finds the second."""

    def __init__(self, folder, random, cluster_port):
        self.first_port = free_ports(random, len(IDS))
        pairs = [f"{a}:{b}:{self.address(a, b)}:{host_of(b)}:{cluster_port}"
                 for a in IDS for b in IDS if a != b]
        with open(os.path.join(folder, "links.log"), "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-B", os.path.join(HERE, "link_proxy.py"), *pairs],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise BrokerFailed("the proxy between the nodes does not start")

    def address(self, a, b):
        return f"{host_of(b)}:{self.first_port + a - 1}"

    def tell(self, verb, a, b):
        self.process.stdin.write(f"{verb} {a} {b}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "ok\n":
            raise BrokerFailed("the proxy between the nodes has ended")

    def heal(self):
        for a in IDS:
            for b in IDS:
                if a != b:
                    self.tell("heal", a, b)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Cluster:
    """`tmpfs_node`: its data folder lies on a small file system of its own, if that can be made."""

    kinds_missing = ()  # faults that it cannot have
    can_choose_leader = True

    def __init__(self, binary, folder, random, barco, serve_arguments=(), tmpfs_node=None):
        self.folder = folder
        ports = free_ports(random, 7)
        secret = os.path.join(folder, "secret")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        self.links = Links(folder, random, ports + 1)
        self.full_disk = TmpfsDisk(os.path.join(folder, "disk")) if tmpfs_node else None
        self.tmpfs_node = tmpfs_node
        self.nodes = {}
        for i in IDS:
            where = self.full_disk.folder if i == tmpfs_node and self.full_disk.mounted else folder
            own = f"{host_of(i)}:{ports + 1}"
            peers = ",".join(f"{j}={own if i == j else self.links.address(i, j)}" for j in IDS)
            self.nodes[i] = Node(i, binary, os.path.join(where, f"node{i}"),
                                 os.path.join(folder, f"node{i}.log"), ports,
                                 ports + 2 if barco else None,
                                 ["--cluster", own, "--peers", peers, "--cluster-secret-file",
                                  secret, *serve_arguments])

    def start(self):
        for node in self.nodes.values():
            node.spawn()
        for node in self.nodes.values():
            self.wait(lambda node=node: self.is_live(node), 30, f"node {node.id} is live", node)
            node.down = False
        self.wait_leader()

    @staticmethod
    def is_live(node):
        node.expect_running()
        client = Client(node.port, 1.0, node.host)
        status = client.request("GET", "/health/live").status
        client.close()
        return status == 204

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
        return "".join(f"node {node.id}: {self.ask(node)}\n" for node in self.nodes.values())

    def ask(self, node):
        return None if node.down or node.stopped else node.status()

    def leader_now(self):
        """Id of the node that leads and is known as leader to a majority, or None."""
        answers = [status for node in self.nodes.values() if (status := self.ask(node))]
        for status in answers:
            same = [one for one in answers if one["leader"] == status["leader"]
                    and one["term"] == status["term"]]
            if status["role"] == "leader" and len(same) * 2 > len(IDS):
                return status["nodeId"]
        return None

    def wait_leader(self, deadline_s=20.0):
        return self.wait(self.leader_now, deadline_s, "there is a leader that a majority knows")

    def wait_caught_up(self, deadline_s=60.0):
        """All nodes run and have applied what was committed when this was called."""
        def leader_says():
            leader = self.leader_now()
            return self.ask(self.nodes[leader]) if leader else None

        committed = self.wait(leader_says, 20, "a leader that a majority knows")["commitIndex"]

        def caught_up():
            answers = [self.ask(node) for node in self.nodes.values()]
            return all(one and one["leader"] and one["appliedIndex"] >= committed
                       for one in answers)

        for node in self.nodes.values():
            node.expect_running()
        self.wait(caught_up, deadline_s, f"all nodes have applied log index {committed}")

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
            told = [self.ask(self.nodes[i]) for i in (leader, follower)]
            return all(told) and told[1]["appliedIndex"] >= told[0]["commitIndex"]
        self.wait(caught_up, 20, f"node {follower} has applied all of node {leader}")

    def cut(self, verb, *pairs):
        """`drop` or `refuse`; each pair one way."""
        for a, b in pairs:
            self.links.tell(verb, a, b)

    def heal(self):
        self.links.heal()

    def close(self):
        for node in self.nodes.values():
            node.abandon()
        self.links.close()
        if self.full_disk:
            self.full_disk.close()

    def last_words(self, bytes_max=2500):
        return "".join(f"--- node {node.id}, its log's end:\n{node.log_tail(bytes_max)}"
                       for node in self.nodes.values())


class TmpfsDisk:
    """A file system of its own, which can be filled up. Needs root; `mounted` tells."""

    def __init__(self, folder, size_bytes=1 << 30):
        self.folder = folder
        os.makedirs(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder],
                              capture_output=True, text=True) if os.geteuid() == 0 else None
        self.mounted = done is not None and done.returncode == 0
        self.ballast = os.path.join(folder, "ballast")

    def fill(self):
        """Not a byte is free afterwards."""
        with open(self.ballast, "wb", buffering=0) as file:
            block = bytes(1 << 20)
            try:
                while True:
                    file.write(block)
            except OSError:
                pass

    def empty(self):
        os.unlink(self.ballast)

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=False)
