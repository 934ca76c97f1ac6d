#!/usr/bin/env python3
"""consume.py [--host 127.0.0.1] [--discovery-port 9250] [--topic orders] [--group python] [--polls N]

A consumer in Python's standard library: discover, register, poll each broker, commit by polling on, goodbye."""
import argparse
import json
import signal
import time
import urllib.error
import urllib.request
import uuid


def call(method, url, headers=None):
    """Status, 0 for none, and text."""
    asked = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=90) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()
    except OSError as unreachable:  # one of several brokers: the others go on
        return 0, str(unreachable)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--discovery-port", type=int, default=9250)
    options.add_argument("--topic", default="orders")
    options.add_argument("--group", default="python")
    options.add_argument("--polls", type=int, default=0, help="end after so many rounds; 0: on ctrl-C")
    settings = options.parse_args()
    stopped = False

    def stop(which, _):  # the goodbye commits, so what came is finished first
        nonlocal stopped
        stopped = True
        signal.signal(which, signal.SIG_DFL)  # the second one does not wait

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)

    brokers = json.loads(call("GET", f"http://{settings.host}:{settings.discovery_port}/v1/brokers")[1])
    port = brokers["consumerPort"]
    hosts = brokers.get("names") or [f"{brokers['baseName']}{i}.{brokers['serviceName']}" for i in range(brokers["length"])]
    wait = 5 if len(hosts) == 1 else 1  # one after the other: none may hold up the rest for long
    name = f"python-{uuid.uuid4()}"  # nobody else's: a process has the same number in each container
    base = f"http://{settings.host}:{port}/v1/consumer"

    def register():
        status, text = call("PUT", f"{base}/register?consumerId={name}&group={settings.group}&topic={settings.topic}"
                            "&onNewGroup=startFromEarliest")
        if status != 200:
            raise SystemExit(f"not registered: {status} {text}")

    register()
    rounds = 0
    while not stopped and (not settings.polls or rounds < settings.polls):
        rounds += 1
        for host in hosts:
            if stopped:
                break
            status, text = call("POST", f"http://{host}:{port}/v1/consumer/poll?consumerId={name}",
                                {"Accept": "application/json", "Prefer": f"wait={wait}"})
            if status == 200:
                for chunk in json.loads(text):
                    for offset, value in enumerate(chunk["values"], int(chunk["startOffset"])):
                        print(json.dumps({"partition": chunk["rangeIndex"], "offset": offset, "value": value}), flush=True)
            elif status == 409:  # silent for two minutes: registered no more
                register()
            elif status != 204:
                time.sleep(1)
    print(call("POST", f"{base}/goodbye?consumerId={name}")[1])


if __name__ == "__main__":
    main()
