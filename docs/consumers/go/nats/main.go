// Reads driver events from NATS and reports gaps and duplicates.
//
//	go run ./nats                                      subscribe to new events
//	go run ./nats -stream DRIVER -durable dashboard    read a stream with a durable consumer
//
// NATS_URL sets the servers (default: nats://127.0.0.1:4222).
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
	"os/signal"
	"strings"
	"syscall"
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
	note := watcher.Observe(attributes)
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
	subject := flag.String("subject", "agent.driver.>", "subject to subscribe to, without -stream")
	stream := flag.String("stream", "", "stream to read")
	durable := flag.String("durable", "", "durable consumer, created if it does not exist")
	left := flag.Int("count", math.MaxInt, "exit after this number of messages")
	asJSON := flag.Bool("json", false, "print whole messages, one JSON object per line")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := read(ctx, *subject, *stream, *durable, *left, *asJSON); err != nil {
		log.Fatal(err)
	}
}

func read(ctx context.Context, subject, stream, durable string, left int, asJSON bool) error {
	client, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Print(err) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			log.Print("reconnected; without a stream, events published meanwhile are missing")
		}))
	if err != nil {
		return err
	}
	defer client.Close() // sends pending acks
	if stream == "" {
		return listen(ctx, client, subject, left, asJSON)
	}
	return consume(ctx, client, stream, durable, left, asJSON)
}

func listen(ctx context.Context, client *nats.Conn, subject string, left int, asJSON bool) error {
	subscription, err := client.SubscribeSync(subject)
	if err != nil {
		return err
	}
	for watcher := new(events.Watcher); left > 0; {
		message, err := subscription.NextMsgWithContext(ctx)
		if ctx.Err() != nil {
			return nil
		} else if errors.Is(err, nats.ErrSlowConsumer) {
			continue // logged by the error handler; later messages arrive
		} else if err != nil {
			return err
		}
		show(message.Subject, message.Header, message.Data, watcher, asJSON)
		left--
	}
	return nil
}

func consume(ctx context.Context, client *nats.Conn, stream, durable string, left int, asJSON bool) error {
	js, err := jetstream.New(client)
	if err != nil {
		return err
	}
	var reader jetstream.Consumer
	if durable != "" { // an existing consumer is not changed
		reader, err = js.Consumer(ctx, stream, durable)
	}
	if durable == "" || errors.Is(err, jetstream.ErrConsumerNotFound) {
		reader, err = js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: durable})
	}
	if err != nil {
		return err
	}
	for watcher := new(events.Watcher); left > 0 && ctx.Err() == nil; {
		deadline, cancel := context.WithTimeout(ctx, 5*time.Second)
		batch, err := reader.Fetch(min(left, 100), jetstream.FetchContext(deadline))
		if err == nil {
			for message := range batch.Messages() {
				show(message.Subject(), message.Headers(), message.Data(), watcher, asJSON)
				left--
				if err := settle(message); err != nil {
					log.Print(err)
				}
			}
			err = batch.Error()
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			if !isUnavailable(err) {
				return err
			}
			log.Print(err)
			time.Sleep(time.Second)
		}
	}
	return nil
}

// settle acks an event and terminates a malformed message, after the work: unsettled messages are redelivered.
func settle(message jetstream.Msg) error {
	if !events.IsEvent(message.Data()) {
		return message.Term()
	}
	return message.DoubleAck(context.Background())
}

// isUnavailable reports whether JetStream is down and may return.
func isUnavailable(err error) bool {
	return errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, jetstream.ErrServerShutdown) || errors.Is(err, jetstream.ErrConsumerLeadershipChanged) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, context.DeadlineExceeded)
}
