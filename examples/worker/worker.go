// worker URL LOGIN: a consumer of a group. It fetches, works, and settles and fetches on in one go.
// go run worker.go http://127.0.0.1:2113/subscriptions/orders/workers admin:changeit
package main

import ("bytes"; "encoding/json"; "errors"; "fmt"; "log"; "net/http"; "os"; "strings"; "time")

type ( object = map[string]any; event struct { Id, Lease string; Number, Attempt int; Data struct { N, Fails int } } )

func work(e event) error { // to be replaced by what is to be done; this one fails as often as the event says
	if e.Attempt <= e.Data.Fails { return errors.New("not yet") }
	_, err := fmt.Println(e.Number, e.Data.N)
	return err
}

func main() {
	url := strings.Replace(os.Args[1], "://", "://"+os.Args[2]+"@", 1) + "/settle"
	for ack, nack := []object{}, []object{}; ; {
		body, _ := json.Marshal(object{"ack": ack, "nack": nack, "next": object{"count": 10, "wait": 20}})
		answer, err := http.Post(url, "application/json", bytes.NewReader(body))
		if err != nil || answer.StatusCode != 200 { log.Println(err, answer); time.Sleep(time.Second); continue } // the same once more
		var got struct { Events []event }
		json.NewDecoder(answer.Body).Decode(&got)
		answer.Body.Close()
		ack, nack = []object{}, []object{}
		for _, e := range got.Events {
			if err := work(e); err == nil { ack = append(ack, object{"id": e.Id, "lease": e.Lease}) } else {
				nack = append(nack, object{"id": e.Id, "lease": e.Lease, "delay": "5s", "reason": err.Error()}) }
		}
	}
}
