# What goes wrong in a cluster test, one fault after the other: each hits a minority, unless it says so.
import os
import time
from dataclasses import dataclass

from cluster import IDS, BrokerFailed

STOP_DEADLINE_S = 5.0


@dataclass
class Fault:
    """Times are monotonic. From `measured_from` on a majority could work: the outage counts from there."""

    kind: str
    node: int = 0
    led: bool = False  # the node was the leader
    began: float = 0.0
    measured_from: float = 0.0
    healed: float = 0.0
    note: str = ""

    def line(self, origin):
        role = "leader" if self.led else "follower"
        return (f"{self.began - origin:6.2f} {self.kind} node {self.node} ({role}), healed at "
                f"{self.healed - origin:.2f} {self.note}".rstrip())


class Nemesis:
    """`rolling`: set while all nodes are restarted in an orderly way. `broken`: what a node did that no
    node may do."""

    KINDS = ("kill_leader", "kill_follower", "kill_next_leader", "pause_leader", "pause_follower",
             "cut_leader", "cut_leader_out", "cut_leader_in", "cut_one_link", "cut_follower",
             "full_disk", "damaged_file", "lost_folder", "rolling_restart", "kill_all")

    def __init__(self, cluster, history, chance, phase, rolling):
        self.cluster, self.history, self.random = cluster, history, chance
        self.phase = phase
        self.rolling = rolling
        self.faults = []
        self.broken = []
        self.skipped = {}  # kind -> why

    def run(self, kinds):
        for kind in kinds:
            if kind in self.cluster.kinds_missing:
                self.skipped[kind] = "these nodes cannot have it"
                continue
            self.one(kind)
            self.wait(0.3, 1.0)

    def one(self, kind):
        began = time.monotonic()
        leader = self.cluster.wait_leader()
        follower = self.random.choice([i for i in IDS if i != leader])
        fault = Fault(kind, follower if "follower" in kind else leader)
        self.faults.append(fault)
        self.history.kills += 1  # what a crash may forget of lazy groups, each fault may
        self.hit(fault)
        getattr(self, kind)(fault, self.cluster.nodes[fault.node])
        self.cluster.heal()
        self.cluster.wait_caught_up()
        fault.healed = time.monotonic()
        self.history.disturbed.append((began, fault.healed))

    def hit(self, fault, node=None):
        """The fault happens now, to this node."""
        fault.node = node or fault.node
        fault.led = self.cluster.leader_now() == fault.node
        fault.began = fault.measured_from = time.monotonic()

    def wait(self, shortest, longest):
        self.phase.over.wait(self.random.uniform(shortest, longest))  # pacing: nothing sets it

    # --- processes

    def kill_leader(self, _, node):
        node.kill()
        self.wait(0.0, 3.0)
        node.start()

    kill_follower = kill_leader

    def kill_next_leader(self, fault, node):
        """Two leaders one after the other, the second as soon as the first is back."""
        node.kill()
        self.cluster.wait_leader()
        node.start()
        self.hit(fault, self.cluster.wait_leader())
        second = self.cluster.nodes[fault.node]
        second.kill()
        self.wait(0.0, 1.0)
        second.start()

    def kill_all(self, fault, _):
        """A majority is lost: nothing is accepted until two are back; nothing is forgotten."""
        for one in self.cluster.nodes.values():
            one.kill()
        self.wait(0.0, 1.0)
        for one in self.cluster.nodes.values():
            one.start()
        fault.measured_from = time.monotonic()

    def pause_leader(self, _, node):
        node.pause()
        self.wait(2.0, 4.0)
        node.resume()

    pause_follower = pause_leader

    # --- links

    def verb(self):
        return self.random.choice(("drop", "refuse"))

    def others(self, node):
        return [i for i in IDS if i != node.id]

    def cut_leader(self, _, node):
        pairs = [pair for i in self.others(node) for pair in ((node.id, i), (i, node.id))]
        self.cluster.cut(self.verb(), *pairs)
        self.wait(2.0, 4.0)

    cut_follower = cut_leader

    def cut_leader_out(self, _, node):
        self.cluster.cut("drop", *[(node.id, i) for i in self.others(node)])
        self.wait(2.0, 4.0)

    def cut_leader_in(self, _, node):
        self.cluster.cut("drop", *[(i, node.id) for i in self.others(node)])
        self.wait(2.0, 4.0)

    def cut_one_link(self, _, node):
        """Both sides still see the third node."""
        other = self.random.choice(self.others(node))
        self.cluster.cut(self.verb(), (node.id, other), (other, node.id))
        self.wait(2.0, 4.0)

    # --- disks

    def full_disk(self, fault, _):
        disk = self.cluster.full_disk
        if disk is None or not disk.mounted:
            self.faults.remove(fault)
            self.skipped["full_disk"] = "no file system can be mounted here"
            return
        self.hit(fault, self.cluster.tmpfs_node)
        disk.fill()
        self.wait(2.0, 4.0)
        disk.empty()

    def damaged_file(self, fault, _):
        """One bit of a stopped follower's log or store. Nobody needs it; or `check` finds it, and the
        node starts and gets from the others what it lacks, or refuses to start with 1, and is replaced by
        an empty one, as the documentation says."""
        leader = self.cluster.wait_leader()
        self.hit(fault, self.random.choice([i for i in IDS if i != leader]))
        node = self.cluster.nodes[fault.node]
        node.kill()
        fault.note = flip_a_bit(node.folder, self.random)
        code, text = node.check()
        fault.note += f"; check says {code}"
        if code not in (0, 1):
            self.broken.append(f"check of a damaged folder ended with {code}: {text[-500:]}")
        try:
            node.start()
        except BrokerFailed:
            if node.process.poll() != 1 or code == 0:
                self.broken.append(f"check said {code}, then the node ended with "
                                   f"{node.process.poll()}: {node.log_tail(500)}")
            node.abandon()
            fault.note += "; refused to start"
            node.wipe()
            node.start()
        else:
            if code == 1:
                self.replace_if_damaged(fault, node)

    def replace_if_damaged(self, fault, node):
        """The start may have put things right."""
        self.cluster.wait_caught_up()
        node.kill()
        code, _ = node.check()
        fault.note += f"; once it had started check says {code}"
        if code != 0:
            node.wipe()
        node.start()

    def lost_folder(self, _, node):
        node.kill()
        node.wipe()
        self.wait(0.0, 1.0)
        node.start()

    # --- operations

    def rolling_restart(self, fault, _):
        self.rolling.set()
        self.wait(0.3, 0.5)
        order = list(IDS)
        self.random.shuffle(order)
        for i in order:
            seconds, code = self.cluster.nodes[i].terminate()
            if code != 0 or seconds > STOP_DEADLINE_S:
                self.broken.append(f"node {i} stopped after {seconds:.1f} s with {code}")
            self.cluster.nodes[i].start()
            self.cluster.wait_caught_up()
        self.wait(0.3, 0.5)
        self.rolling.clear()
        fault.note = f"in the order {order}"


def flip_a_bit(folder, chance):
    """In a file of the log, well before its end (a bad end of a log is what a crash leaves), or in the
    store. Says where."""
    paths = []
    for part, ending in (("wal", ".wal"), ("store", "data.mdb")):
        where = os.path.join(folder, part)
        paths += [os.path.join(where, name) for name in os.listdir(where) if name.endswith(ending)]
    path = chance.choice(sorted(paths))
    with open(path, "r+b") as file:
        data = file.read()
        used = len(data.rstrip(b"\0"))
        at = chance.randrange(max(1, used * 3 // 4))
        file.seek(at)
        file.write(bytes([data[at] ^ (1 << chance.randrange(8))]))
    return f"flipped a bit of {os.path.basename(path)} at {at} of {used}"
