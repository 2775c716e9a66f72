// Reads driver events from Kafka and reports gaps and duplicates.
//
//	go run ./kafka -group dashboard    read from the committed offsets of the group
//
// KAFKA_BOOTSTRAP_SERVERS sets the brokers (default: 127.0.0.1:9092). KAFKA_USER and KAFKA_PASSWORD authenticate with
// SCRAM-SHA-512 over TLS; KAFKA_CA is a file of certificate authorities (default: the system's).
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"example.com/driver-events/consumers/events"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("kafka: ")
	topic := flag.String("topic", "agent.driver", "topic to read")
	group := flag.String("group", "", "consumer group; its members share the partitions")
	left := flag.Int("count", math.MaxInt, "exit after this number of records")
	asJSON := flag.Bool("json", false, "print whole records, one JSON object per line")
	flag.Parse()
	if *group == "" {
		log.Fatal("-group is required")
	}
	if err := read(*topic, *group, *left, *asJSON); err != nil {
		log.Fatal(err)
	}
}

func read(topic, group string, left int, asJSON bool) error {
	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	watchers := map[int32]*events.Watcher{}
	forget := func(partitions map[string][]int32) { // another member reads these partitions now: no gaps
		for _, partition := range partitions[topic] {
			delete(watchers, partition)
		}
	}
	options, err := connection()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options,
		kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // a new group starts at the first record
		kgo.AutoCommitMarks(),                             // marked below, after the work
		kgo.AutoCommitInterval(time.Second),
		kgo.BlockRebalanceOnPoll(), // rebalance only between polls
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
			if err := client.CommitMarkedOffsets(ctx); err != nil {
				log.Print(err)
			}
			forget(partitions)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			forget(partitions)
		}),
	)...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance() // leaves the group
	for left > 0 && stopped.Err() == nil {
		fetched := client.PollRecords(stopped, 100)
		fetched.EachError(func(topic string, partition int32, err error) { // the client retries
			if stopped.Err() == nil {
				log.Printf("%s %d: %v", topic, partition, err)
			}
		})
		for records := fetched.RecordIter(); !records.Done() && left > 0 && stopped.Err() == nil; left-- {
			record := records.Next()
			watcher, found := watchers[record.Partition]
			if !found {
				watcher = new(events.Watcher)
				watchers[record.Partition] = watcher
			}
			show(record, watcher, asJSON)
			client.MarkCommitRecords(record) // after the work: unfinished records are redelivered
		}
		client.AllowRebalance()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return client.CommitMarkedOffsets(ctx)
}

func show(record *kgo.Record, watcher *events.Watcher, asJSON bool) {
	headers, attributes := map[string]string{}, map[string]string{}
	for _, header := range record.Headers {
		if header.Value == nil {
			continue // A null value is an absent attribute.
		}
		headers[header.Key] = string(header.Value)
		if attribute, found := strings.CutPrefix(header.Key, "ce_"); found {
			attributes[attribute] = string(header.Value)
		}
	}
	note := watcher.Observe(attributes)
	if !asJSON {
		fmt.Println(events.Line(record.Value, attributes, note))
		return
	}
	whole := map[string]any{"topic": record.Topic, "key": nil, "timestamp": record.Timestamp.UnixMilli()}
	if record.Key != nil {
		whole["key"] = string(record.Key)
	}
	whole["headers"], whole["payload"], whole["note"] = headers, string(record.Value), note
	line, _ := json.Marshal(whole)
	fmt.Println(string(line))
}

// connection returns the options for brokers, TLS and credentials.
func connection() ([]kgo.Opt, error) {
	servers := cmp.Or(os.Getenv("KAFKA_BOOTSTRAP_SERVERS"), "127.0.0.1:9092")
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(servers, ",")...)}
	user := os.Getenv("KAFKA_USER")
	if user == "" {
		return options, nil
	}
	login := scram.Auth{User: user, Pass: os.Getenv("KAFKA_PASSWORD")}
	trusted := new(tls.Config) // the system's authorities
	if file := os.Getenv("KAFKA_CA"); file != "" {
		authorities, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		trusted.RootCAs = x509.NewCertPool()
		if !trusted.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("%s contains no certificate", file)
		}
	}
	return append(options, kgo.SASL(login.AsSha512Mechanism()), kgo.DialTLSConfig(trusted)), nil
}
