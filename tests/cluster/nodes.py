# Three brokers as processes on 127.0.0.1 to 127.0.0.3, with a proxy between them.
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys

from cluster import HERE, IDS, Asked, BrokerFailed, Nodes

from broker_process import BrokerProcess  # of tests/crash, which `cluster` has put on the path


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


class Node(Asked, BrokerProcess):
    """`extra`: its part in the cluster."""

    def __init__(self, node_id, binary, folder, log, port, barco_port, extra):
        self.log = log
        self.barco_port = barco_port
        barco = f"{host_of(node_id)}:{barco_port}" if barco_port else "off"
        super().__init__(binary, folder, ["--node-id", str(node_id), "--barco", barco, *extra],
                         host=host_of(node_id), port=port)
        self.id = node_id

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
        """Its directory is gone, as with a new disk; from now on it says so when it starts."""
        assert self.down
        shutil.rmtree(self.folder)
        if "--join" not in self.extra:
            self.extra.append("--join")

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


class Cluster(Nodes):
    """`tmpfs_node`: its data folder lies on a small file system of its own, if that can be made."""

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
            self.wait(node.is_live, 30, f"node {node.id} is live", node)
            node.down = False
        self.wait_leader()

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
