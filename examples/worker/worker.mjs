#!/usr/bin/env node
// worker.mjs URL LOGIN: a consumer of a group. It fetches, works, and settles and fetches on in one go.
// worker.mjs http://127.0.0.1:2113/subscriptions/orders/workers admin:changeit

async function work(event) { // to be replaced by what is to be done; this one fails as often as the event says
  if (event.attempt <= (event.data.fails ?? 0)) throw new Error("not yet");
  console.log(event.number, event.data);
}

const headers = { "Content-Type": "application/json", "Authorization": "Basic " + btoa(process.argv[3]) };
for (let settled = {};;) {
  const body = JSON.stringify({ ...settled, next: { count: 10, wait: 20 } });
  try {
    const answer = await fetch(process.argv[2] + "/settle", { method: "POST", headers, body });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    var { events } = await answer.json();
  } catch (failure) { // the same once more: what is settled already stays so
    console.error(failure.message);
    await new Promise(done => setTimeout(done, 1000));
    continue;
  }
  settled = { ack: [], nack: [] };
  for (const event of events) {
    const item = { id: event.id, lease: event.lease };
    await work(event).then(() => settled.ack.push(item), failure => settled.nack.push({ ...item, delay: "5s", reason: failure.message }));
  }
}
