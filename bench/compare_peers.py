"""The brokers that bench/compare starts: each on loopback, in a folder of its own, so that what it confirms is flushed."""
import os, re, shutil, signal, socket, subprocess, time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def output(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=30).stdout
    except OSError:
        return ""


def descendants(pid):
    """A process and all below it, the deepest first."""
    parents = {}
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as stat:
                parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[::-1]


class NotStarted(Exception):
    pass


class Peer:
    """One that can be started and stopped; `flushes=False` is for filling it before its start is measured."""
    name = kind = program = settings = ""
    takes_away = False  # what is settled is gone; else another group reads it all again
    delays = False
    start_seconds = 60

    def takes_part(self, cell):
        return self.delays or cell != "delayed"

    def promises_less(self, cell):
        """Whether what it confirms in that cell can be lost with the power."""
        return False

    def missing(self):
        return "" if shutil.which(self.program) else f"{self.program} is not installed"

    def version(self):
        return ""

    def command(self, folder, port, flushes):
        raise NotImplementedError

    def environment(self, folder, port):
        return dict(os.environ)

    def start(self, folder, flushes=True):
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        command = self.command(folder, self.port, flushes)
        with open(os.path.join(folder, "output"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment(folder, self.port))
        until = time.monotonic() + self.start_seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        self.stop()
        with open(os.path.join(folder, "output")) as log:
            raise NotStarted(f"{self.name} does not start: {log.read()[-500:]}")

    def stop(self):
        below = descendants(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()

    def kill(self):
        for pid in descendants(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Callboard(Peer):
    name, kind, delays = "Callboard", "callboard", True
    settings = ("as `callboard serve` starts it: every publish, lease and ack is flushed before its answer; consumers use "
                "`POST …/settle` with `next`")

    def __init__(self, build):
        self.program = os.path.join(build, "callboard")

    def version(self):
        return ", ".join(output(self.program, "version").split("\n")[:2]).replace("callboard ", "")

    def command(self, folder, port, flushes):
        return [self.program, "serve", "--data", os.path.join(folder, "data"), "--http", f"127.0.0.1:{port}", "--barco", "off"]


class CallboardGetAck(Callboard):
    name, kind, delays = "Callboard, GET and ack", "callboard-get-ack", False
    settings = "the same, but consumers use Event Store's routes: a GET and a POST a batch"

    def takes_part(self, cell):
        return cell == "consume"


class Redis(Peer):
    name, kind, program = "Redis Streams", "redis", "redis-server"
    settings = ("`appendonly yes`, `appendfsync always`, no snapshots, no rewriting of the log; XADD; XACK and the next XREADGROUP "
                "in one write")

    def version(self):
        return re.search(r"v=(\S+)", output(self.program, "--version")).group(1)

    def command(self, folder, port, flushes):
        return [self.program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes",
                "--appendfsync", "always" if flushes else "no", "--auto-aof-rewrite-percentage", "0"]


class Beanstalkd(Peer):
    name, kind, program, takes_away, delays = "beanstalkd", "beanstalkd", "beanstalkd", True, True
    settings = "`-b DIR -f0`; reserve and delete are pipelined"

    def version(self):
        return output(self.program, "-v").split()[-1]

    def command(self, folder, port, flushes):
        return [self.program, "-l", "127.0.0.1", "-p", str(port), "-b", folder, "-f0" if flushes else "-F", "-z", "65535"]


class Nats(Peer):
    name, kind, program = "NATS JetStream", "nats", "nats-server"
    always = False  # has `sync_interval: always`
    flushes = True

    def promises_less(self, cell):
        return not self.flushes or cell.startswith("consume")

    def version(self):
        return output(self.program, "--version").split("v")[-1].strip()

    def missing(self):
        why = super().missing()
        if not why:
            self.always = tuple(int(n) for n in self.version().split(".")[:2]) >= (2, 10)
            self.settings = ("`sync_interval: always`" if self.always else
                             "has no `sync_interval: always` yet: its folder has `chattr +S`, so each of its writes is flushed"
                             ) + "; pull consumer, explicit acks. **It writes acks later, without a flush**"
        return why

    def command(self, folder, port, flushes):
        if flushes and not self.always and subprocess.run(["chattr", "+S", folder], capture_output=True).returncode:
            if self.flushes:
                self.settings += ". **Here `chattr +S` failed: nothing is flushed**"
            self.flushes = False
        config = os.path.join(folder, "nats.conf")
        with open(config, "w") as out:
            always = "\n  sync_interval: always" if self.always and flushes else ""
            out.write(f"listen: 127.0.0.1:{port}\njetstream {{\n  store_dir: {folder}\n  max_file: 40G{always}\n}}\n")
        return [self.program, "-c", config]


class RabbitMq(Peer):
    name, kind, program, takes_away, delays = "RabbitMQ", "rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server", True, True
    settings = ("quorum queue of one node, publisher confirms, manual acks of many, prefetch twice a batch; delays by TTL and "
                "dead-lettering. **Its protocol does not confirm acks**")

    def version(self):
        return output("dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server")

    def environment(self, folder, port):
        node, names = "callboard-compare@localhost", free_port()
        self.names = subprocess.Popen(["epmd", "-port", str(names), "-address", "127.0.0.1"])
        with open(os.path.join(folder, "rabbitmq.conf"), "w") as out:
            out.write("disk_free_limit.absolute = 500MB\n")
        return dict(os.environ, HOME=folder, ERL_CRASH_DUMP=folder + "/crash", RABBITMQ_NODENAME=node, RABBITMQ_MNESIA_BASE=folder + "/db",
                    RABBITMQ_LOG_BASE=folder + "/log", RABBITMQ_CONFIG_FILE=folder + "/rabbitmq", RABBITMQ_NODE_PORT=str(port),
                    RABBITMQ_ENABLED_PLUGINS_FILE=folder + "/plugins", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
                    RABBITMQ_DIST_PORT=str(free_port()), ERL_EPMD_PORT=str(names), ERL_EPMD_ADDRESS="127.0.0.1",
                    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}")

    def command(self, folder, port, flushes):
        return [self.program]

    def stop(self):
        super().stop()
        self.names.kill()
        self.names.wait()

    def kill(self):
        super().kill()
        self.names.kill()
        self.names.wait()


def all_peers(build):
    return [Callboard(build), CallboardGetAck(build), Redis(), Beanstalkd(), Nats(), RabbitMq()]
