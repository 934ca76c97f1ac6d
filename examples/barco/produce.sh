#!/bin/sh
# produce.sh [HOST [TOPIC [KEY]]]: each line of the input becomes a record; one request for all of them.
set -eu
host=${1:-127.0.0.1}
topic=${2:-orders}
key=${3:-}
port=$(curl -fsS "http://$host:${DISCOVERY_PORT:-9250}/v1/brokers" | jq .producerPort)
curl -fsS --data-binary @- -H "Content-Type: application/x-ndjson" "http://$host:$port/v1/topic/$topic/messages?partitionKey=$key"
