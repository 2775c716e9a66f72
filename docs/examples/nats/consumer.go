// Reads the events of agents' driver loops from NATS, and tells what is missing and what comes twice.
//
//	go run .                                      what is published from now on
//	go run . -stream DRIVER -durable dashboard    what a stream has, from where this reader was last
//
// The server is NATS_URL, else nats://127.0.0.1:4222.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// recent remembers the last keys, 100,000 at least.
type recent[K comparable, V any] struct{ now, before map[K]V }

func (r *recent[K, V]) get(key K) (V, bool) {
	if value, found := r.now[key]; found {
		return value, true
	}
	value, found := r.before[key]
	return value, found
}

func (r *recent[K, V]) put(key K, value V) {
	if r.now == nil || len(r.now) >= 100_000 {
		r.before, r.now = r.now, map[K]V{}
	}
	r.now[key] = value
}

type watcher struct {
	ids  recent[string, bool]
	last recent[[2]string, uint64]
}

func (w *watcher) look(headers map[string]string) string {
	if id := cmp.Or(headers["ce-id"], headers["nats-msg-id"]); id != "" {
		if _, seen := w.ids.get(id); seen {
			return "duplicate"
		}
		w.ids.put(id, true)
	}
	sequence, err := strconv.ParseUint(headers["ce-sequence"], 10, 64)
	if err != nil {
		return ""
	}
	run := [2]string{headers["ce-subject"], headers["ce-producerrun"]}
	last, seen := w.last.get(run)
	w.last.put(run, max(sequence, last))
	switch {
	case !seen || sequence == last+1: // who begins to read in the middle misses nothing
		return ""
	case sequence <= last:
		return "late"
	}
	return fmt.Sprintf("%d missing before", sequence-last-1)
}

// event is what all kinds have: which they are, and, in one of these places, the goal.
type event struct {
	Kind                      string
	GoalID                    string `json:"goal_id"`
	Goal                      struct{ ID string }
	Outcome, Result, Decision struct {
		GoalID string `json:"goal_id"`
	}
}

func show(subject string, header nats.Header, payload []byte, w *watcher, asJSON bool) {
	headers := map[string]string{}
	for name, values := range header {
		value, err := url.PathUnescape(values[0])
		if err != nil {
			value = values[0]
		}
		headers[strings.ToLower(name)] = value
	}
	note := w.look(headers)
	if asJSON {
		whole := map[string]any{"subject": subject, "headers": headers, "payload": string(payload), "note": note}
		line, _ := json.Marshal(whole)
		fmt.Println(string(line))
		return
	}
	if note != "" {
		note = " (" + note + ")"
	}
	var e event // a kind that nobody knows yet is an event too, whatever else is in it
	if err := json.Unmarshal(payload, &e); e.Kind == "" {
		fmt.Printf("no event: %v%s\n", cmp.Or(err, errors.New("no kind")), note) // what is no event stops nobody
		return
	}
	goal := cmp.Or(headers["ce-subject"], e.GoalID, e.Goal.ID, e.Outcome.GoalID, e.Result.GoalID, e.Decision.GoalID, "-")
	sequence := cmp.Or(strings.TrimLeft(headers["ce-sequence"], "0"), "-")
	line := strconv.QuoteToASCII(e.Kind + " " + goal + " " + sequence) // no terminal obeys what an event contains
	fmt.Println(line[1:len(line)-1] + note)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("nats: ")
	subject := flag.String("subject", "agent.driver.>", "what to subscribe to, without a stream")
	stream := flag.String("stream", "", "read from this stream")
	durable := flag.String("durable", "", "go on where the reader of this name was last; it is made if it is missing")
	left := flag.Int("count", math.MaxInt, "end after so many messages")
	asJSON := flag.Bool("json", false, "print messages whole, as JSON, a line each")
	flag.Parse()
	if err := read(*subject, *stream, *durable, *left, *asJSON); err != nil {
		log.Fatal(err)
	}
}

func read(subject, stream, durable string, left int, asJSON bool) error {
	client, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Print(err) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			log.Print("connected again; without a stream, what was published meanwhile did not come")
		}))
	if err != nil {
		return err
	}
	defer client.Close()
	if stream == "" {
		return listen(client, subject, left, asJSON)
	}
	return consume(client, stream, durable, left, asJSON)
}

func listen(client *nats.Conn, subject string, left int, asJSON bool) error {
	subscription, err := client.SubscribeSync(subject)
	if err != nil {
		return err
	}
	for w := new(watcher); left > 0; {
		message, err := subscription.NextMsgWithContext(context.Background())
		if errors.Is(err, nats.ErrSlowConsumer) {
			continue // it was told; what follows is there
		} else if err != nil {
			return err
		}
		show(message.Subject, message.Header, message.Data, w, asJSON)
		left--
	}
	return nil
}

func consume(client *nats.Conn, stream, durable string, left int, asJSON bool) error {
	js, err := jetstream.New(client)
	if err != nil {
		return err
	}
	ctx := context.Background()
	var reader jetstream.Consumer
	if durable != "" { // one that exists stays as it is
		reader, err = js.Consumer(ctx, stream, durable)
	}
	if durable == "" || errors.Is(err, jetstream.ErrConsumerNotFound) {
		reader, err = js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: durable})
	}
	if err != nil {
		return err
	}
	for w := new(watcher); left > 0; {
		batch, err := reader.Fetch(min(left, 100), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return err
		}
		for message := range batch.Messages() {
			show(message.Subject(), message.Headers(), message.Data(), w, asJSON)
			left--
			if err := message.DoubleAck(ctx); err != nil { // after the work: what is not acknowledged comes again
				log.Print(err)
			}
		}
		if err := batch.Error(); err != nil && !isAway(err) {
			return err
		} else if err != nil {
			log.Print(err)
			time.Sleep(time.Second)
		}
	}
	return nil
}

// isAway tells that JetStream is not there now, and may come back.
func isAway(err error) bool {
	return errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, nats.ErrNoResponders)
}
