# The broker as a process: start it, kill it, stop it, let it check its folder.
import os
import signal
import socket
import subprocess
import sys
import time

from client import Client


class BrokerFailed(Exception):
    """The broker did what no broker may do: it died by itself, or never came up."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BrokerProcess:
    """`binary serve --data FOLDER --http HOST:PORT --barco off`; its output goes to FOLDER.log.
    `vary_threads`: each start has another number of io threads, two, three or one."""

    def __init__(self, binary, folder, extra_arguments=(), live_deadline_s=30.0, host="127.0.0.1",
                 port=None, vary_threads=False):
        # A Python file is the fake of the self-test.
        self.command = [sys.executable, binary] if binary.endswith(".py") else [binary]
        self.folder = folder
        self.extra = list(extra_arguments)
        self.host, self.port = host, port or free_port()
        self.own_port = port is None  # not known to anybody before the first start
        self.live_deadline_s = live_deadline_s
        self.vary_threads = vary_threads
        self.starts = 0
        self.environment = {}  # besides this process's own
        self.process = None
        self.slowest_start_s = 0.0

    def spawn(self):
        command = self.command + ["serve", "--data", self.folder, "--http",
                                  f"{self.host}:{self.port}"] + self.extra
        if "--barco" not in self.extra:  # its default ports are the same for all
            command += ["--barco", "off"]
        self.starts += 1
        environment = {**os.environ, **self.environment}
        if self.vary_threads:
            environment["CALLBOARD_THREADS"] = str(1 + self.starts % 3)
        with open(self.log_path(), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=environment)

    def start(self):
        """Returns once /health/live answers 204."""
        began = time.monotonic()
        self.spawn()
        client = Client(self.port, 2.0, self.host)
        while client.request("GET", "/health/live").status != 204:
            if (self.own_port and self.starts < 5 and self.process.poll() is not None
                    and "Address already in use" in self.log_tail()):
                self.port = free_port()  # somebody else took the other one meanwhile
                client = Client(self.port, 2.0, self.host)
                self.spawn()
            self.expect_running()
            if time.monotonic() - began > self.live_deadline_s:
                raise BrokerFailed(f"not live after {self.live_deadline_s} s\n{self.log_tail()}")
            time.sleep(0.01)  # between two polls of a condition with a deadline
        client.close()
        self.expect_running()  # it was not somebody else who answered
        self.own_port = False
        self.slowest_start_s = max(self.slowest_start_s, time.monotonic() - began)

    def expect_running(self):
        code = self.process.poll()
        if code is not None:
            raise BrokerFailed(f"the broker ended by itself with {code}\n{self.log_tail()}")

    def kill(self):
        self.expect_running()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, deadline_s):
        """Seconds until it ended and its exit code, or None for the code: it had to be killed."""
        self.expect_running()
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        return time.monotonic() - began, code

    def check(self):
        """`callboard check`: exit code and what it says."""
        done = subprocess.run(self.command + ["check", "--data", self.folder], timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def abandon(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_path(self):
        return self.folder + ".log"

    def log_tail(self, bytes_max=3000):
        try:
            with open(self.log_path(), "rb") as log:
                log.seek(max(0, os.path.getsize(self.log_path()) - bytes_max))
                return log.read().decode(errors="replace")
        except OSError:
            return "(no log)"
