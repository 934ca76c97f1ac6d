# The three brokers of docker-compose.yml, as they run, from outside: only published ports and docker's commands.
import os
import subprocess
import time

from cluster import Asked, BrokerFailed, Client, Nodes

from client import basic_authorization  # of tests/crash, which `cluster` has put on the path


def docker(*words, deadline_s=60):
    done = subprocess.run(["docker", *words], timeout=deadline_s, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BrokerFailed(f"docker {' '.join(words)}: {done.stdout}")
    return done.stdout.strip()


class ContainerNode(Asked):
    def __init__(self, node_id, prefix):
        self.id = node_id
        self.container = f"{prefix}-node{node_id}"
        self.host, self.port = "127.0.0.1", 2112 + node_id
        self.barco_host, self.barco_port = f"127.0.0.{node_id}", 9250
        self.down = False

    def start(self):
        docker("start", self.container)
        end = time.monotonic() + 30
        while not self.is_live():
            if time.monotonic() > end:
                raise BrokerFailed(f"{self.container} is not live after 30 s\n{self.log_tail()}")
            time.sleep(0.02)  # between two polls of a condition with a deadline
        self.down = False

    def kill(self):
        self.down = True
        self.stopped = False
        docker("kill", self.container)

    def terminate(self, deadline_s=10.0):
        self.down = True
        began = time.monotonic()
        docker("stop", "-t", str(int(deadline_s)), self.container)
        return (time.monotonic() - began,
                int(docker("inspect", "-f", "{{.State.ExitCode}}", self.container)))

    def pause(self):
        self.stopped = True
        docker("pause", self.container)

    def resume(self):
        docker("unpause", self.container)
        self.stopped = False

    def check(self):
        image = docker("inspect", "-f", "{{.Image}}", self.container)
        done = subprocess.run(["docker", "run", "--rm", "--network", "none", "--volumes-from",
                               self.container, image, "check", "--data", "/data"], timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def expect_running(self):
        state = docker("inspect", "-f", "{{.State.Status}}", self.container)
        if state not in ("running", "paused"):
            raise BrokerFailed(f"{self.container} is {state}\n{self.log_tail()}")

    def log_tail(self, bytes_max=3000):
        done = subprocess.run(["docker", "logs", "--tail", "60", self.container], timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout[-bytes_max:]


class ContainerCluster(Nodes):
    kinds_missing = ("cut_leader_out", "cut_leader_in", "cut_one_link", "full_disk", "damaged_file",
                     "lost_folder")
    full_disk = None

    def __init__(self, prefix):
        password = os.environ.get("CALLBOARD_ADMIN_PASSWORD", "callboard")
        Client.authorization = basic_authorization("admin", password)
        self.nodes = {i: ContainerNode(i, prefix) for i in (1, 2, 3)}
        self.network = f"{prefix}-cluster"
        self.cut_off = set()

    def start(self):
        """They run already."""
        for node in self.nodes.values():
            self.wait(node.is_ready, 60, f"{node.container} is ready", node)
        self.wait_leader()

    def barco_endpoints(self):
        return [(node.barco_host, node.barco_port) for node in self.nodes.values()]

    def cut(self, _, *pairs):
        """The node that is in all pairs loses the network of the nodes; clients still reach it."""
        cut_off = set.intersection(*map(set, pairs)).pop()
        docker("network", "disconnect", self.network, self.nodes[cut_off].container)
        self.cut_off.add(cut_off)

    def heal(self):
        for i in self.cut_off:
            docker("network", "connect", "--alias", f"peer{i}", self.network,
                   self.nodes[i].container)
        self.cut_off.clear()

    def close(self):
        """Whoever started them stops them; but none stays paused."""
        for node in self.nodes.values():
            if node.stopped:
                node.resume()
