#!/bin/sh
# consume.sh [HOST [TOPIC]]: registers a consumer, polls each broker until ctrl-C, then says goodbye. Needs curl and jq.
set -eu
host=${1:-127.0.0.1}
topic=${2:-orders}
id="shell-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')" # nobody else's
line_end='
'

brokers=$(curl -fsS "http://$host:${DISCOVERY_PORT:-9250}/v1/brokers")
port=$(echo "$brokers" | jq .consumerPort)
hosts=$(echo "$brokers" | jq -r 'if .names then .names[] else range(.length) as $i | "\(.baseName)\($i).\(.serviceName)" end')
# One after the other: none of several may hold up the rest for long.
[ "$(echo "$brokers" | jq .length)" -eq 1 ] && wait=5 || wait=1

register() {
  curl -fsS -X PUT "http://$host:$port/v1/consumer/register?consumerId=$id&group=${GROUP:-shell}&topic=$topic&onNewGroup=startFromEarliest" >&2
}

register
stopped=
trap 'stopped=yes' INT TERM
finished=true # what came last: the goodbye commits it

while [ -z "$stopped" ]; do
  for broker in $hosts; do
    # What came with the poll before is committed by this one. The broker answers as soon as there is something.
    finished=false
    answer=$(curl -sS -X POST -H "Accept: application/json" -H "Prefer: wait=${WAIT:-$wait}" -w '\n%{http_code}' \
      "http://$broker:$port/v1/consumer/poll?consumerId=$id") || answer=
    case ${answer##*"$line_end"} in
      200) if printf '%s\n' "${answer%"$line_end"*}" | jq -c '.[].values[]'; then finished=true; else stopped=yes; fi ;;
      204) finished=true ;;
      409) register || sleep 1 || : ;; # silent for two minutes: registered no more
      *) sleep 1 || : ;;
    esac
    [ -z "$stopped" ] || break
  done
  [ -z "${ROUNDS:-}" ] || { ROUNDS=$((ROUNDS - 1)); [ "$ROUNDS" -gt 0 ] || stopped=yes; }
done
curl -fsS -X POST "http://$host:$port/v1/consumer/goodbye?consumerId=$id&commit=$finished" >&2
