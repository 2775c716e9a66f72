// Reads the events of agents' driver loops from NATS, and tells what is missing and what comes twice.
//
//	go run ./nats                                      what is published from now on
//	go run ./nats -stream DRIVER -durable dashboard    what a stream has, from where this reader was last
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
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"example.com/driver-events/consumers/events"
)

func show(subject string, header nats.Header, payload []byte, watcher *events.Watcher, asJSON bool) {
	headers, attributes := map[string]string{}, map[string]string{}
	for name, values := range header {
		value, err := url.PathUnescape(values[0])
		if err != nil {
			value = values[0]
		}
		name = strings.ToLower(name)
		headers[name] = value
		if attribute, found := strings.CutPrefix(name, "ce-"); found {
			attributes[attribute] = value
		}
	}
	attributes["id"] = cmp.Or(attributes["id"], headers["nats-msg-id"])
	note := watcher.Look(attributes)
	if !asJSON {
		fmt.Println(events.Line(payload, attributes, note))
		return
	}
	whole := map[string]any{"subject": subject, "headers": headers, "payload": string(payload), "note": note}
	line, _ := json.Marshal(whole)
	fmt.Println(string(line))
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
	for watcher := new(events.Watcher); left > 0; {
		message, err := subscription.NextMsgWithContext(context.Background())
		if errors.Is(err, nats.ErrSlowConsumer) {
			continue // it was told; what follows is there
		} else if err != nil {
			return err
		}
		show(message.Subject, message.Header, message.Data, watcher, asJSON)
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
	for watcher := new(events.Watcher); left > 0; {
		batch, err := reader.Fetch(min(left, 100), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return err
		}
		for message := range batch.Messages() {
			show(message.Subject(), message.Headers(), message.Data(), watcher, asJSON)
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
