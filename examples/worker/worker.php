<?php
// worker.php URL LOGIN: a consumer of a group. It fetches, works, and settles and fetches on in one go.
// php worker.php http://127.0.0.1:2113/subscriptions/orders/workers admin:changeit

function work(object $event): void { // to be replaced by what is to be done; this one fails as often as the event says
    if ($event->attempt <= ($event->data->fails ?? 0)) throw new Exception('not yet');
    echo $event->number, ' ', json_encode($event->data), "\n";
}

$headers = ['Content-Type: application/json', 'Authorization: Basic ' . base64_encode($argv[2])];
for ($settled = [];;) {
    $body = json_encode($settled + ['next' => ['count' => 10, 'wait' => 20]]);
    $how = ['http' => ['method' => 'POST', 'header' => $headers, 'content' => $body, 'timeout' => 90]];
    $answer = file_get_contents("$argv[1]/settle", false, stream_context_create($how));
    if ($answer === false) { // the same once more: what is settled already stays so
        sleep(1);
        continue;
    }
    $settled = ['ack' => [], 'nack' => []];
    foreach (json_decode($answer)->events as $event) {
        $item = ['id' => $event->id, 'lease' => $event->lease];
        try {
            work($event);
            $settled['ack'][] = $item;
        } catch (Exception $failure) {
            $settled['nack'][] = $item + ['delay' => '5s', 'reason' => $failure->getMessage()];
        }
    }
}
