#!/bin/sh
# worker.sh URL LOGIN: a consumer of a group, with curl and jq. It fetches, works, and settles and fetches on in one go.
# worker.sh http://127.0.0.1:2113/subscriptions/orders/workers admin:changeit

exec 3>&1
work() { # to be replaced by what is to be done; this one fails as often as the event says
  printf '%s' "$1" | jq -ce 'if .attempt <= (.data.fails? // 0) then empty else [.number, .data] end' >&3
}

settled='{}'
while :; do
  answer=$(printf '%s' "$settled" | jq '.next = {count: 10, wait: 20}' |
    curl -fsS -u "$2" -H 'Content-Type: application/json' --data-binary @- "$1/settle") || { sleep 1; continue; }
  settled=$(printf '%s' "$answer" | jq -c '.events[]' | while read -r event; do
    if work "$event"; then
      printf '%s' "$event" | jq '{verb: "ack", item: {id, lease}}'
    else
      printf '%s' "$event" | jq '{verb: "nack", item: {id, lease, delay: "5s", reason: "not yet"}}'
    fi
  done | jq -s 'reduce .[] as {$verb, $item} ({}; .[$verb] += [$item])')
done
