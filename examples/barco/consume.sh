#!/bin/sh
# consume.sh [HOST [TOPIC]]: registers a consumer, polls each broker until ctrl-C, then says goodbye. Needs curl and jq.
set -eu
host=${1:-127.0.0.1}
topic=${2:-orders}
id="shell-$$"

brokers=$(curl -fsS "http://$host:${DISCOVERY_PORT:-9250}/v1/brokers")
port=$(echo "$brokers" | jq .consumerPort)
hosts=$(echo "$brokers" | jq -r 'if .names then .names[] else range(.length) as $i | "\(.baseName)\($i).\(.serviceName)" end')
# One after the other: none of several may hold up the rest for long.
[ "$(echo "$brokers" | jq .length)" -eq 1 ] && wait=10 || wait=1

curl -fsS -X PUT "http://$host:$port/v1/consumer/register?consumerId=$id&group=${GROUP:-shell}&topic=$topic&onNewGroup=startFromEarliest" >&2
trap 'curl -fsS -X POST "http://$host:$port/v1/consumer/goodbye?consumerId=$id" >&2; exit 0' INT TERM

while :; do
  for broker in $hosts; do
    # What came with the poll before is committed by this one. The broker answers as soon as there is something.
    curl -fsS -X POST -H "Accept: application/json" -H "Prefer: wait=${WAIT:-$wait}" \
      "http://$broker:$port/v1/consumer/poll?consumerId=$id" | jq -c '.[]? | .values[]'
  done
  [ -z "${ROUNDS:-}" ] || { ROUNDS=$((ROUNDS - 1)); [ "$ROUNDS" -gt 0 ] || kill -INT $$; }
done
