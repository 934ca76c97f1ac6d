#!/usr/bin/env python3
# worker.py URL LOGIN: a consumer of a group. It fetches, works, and settles and fetches on in one go.
# worker.py http://127.0.0.1:2113/subscriptions/orders/workers admin:changeit
import base64, json, sys, time, urllib.request

def work(event):  # to be replaced by what is to be done; this one fails as often as the event says
    assert event["attempt"] > event["data"].get("fails", 0), "not yet"
    print(event["number"], event["data"], flush=True)

headers = {"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(sys.argv[2].encode()).decode()}
settled = {}
while True:
    body = json.dumps({**settled, "next": {"count": 10, "wait": 20}}).encode()
    try:
        answer = json.load(urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/settle", body, headers), timeout=90))
    except OSError as failure:  # the same once more: what is settled already stays so
        print(failure, file=sys.stderr)
        time.sleep(1)
        continue
    settled = {"ack": [], "nack": []}
    for event in answer["events"]:
        item = {"id": event["id"], "lease": event["lease"]}
        try: work(event)
        except Exception as failure: settled["nack"].append({**item, "delay": "5s", "reason": str(failure)})
        else: settled["ack"].append(item)
