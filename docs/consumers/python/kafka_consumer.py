"""Reads driver events from Kafka and reports gaps and duplicates.

    kafka_consumer.py --group dashboard    read from the committed offsets of the group

KAFKA_BOOTSTRAP_SERVERS sets the brokers (default: 127.0.0.1:9092). KAFKA_USER and KAFKA_PASSWORD authenticate with
SCRAM-SHA-512 over TLS; KAFKA_CA is a file of certificate authorities (default: the system's).
"""

import argparse, collections, json, math, os, signal, sys
import confluent_kafka
import events

def log(error):
    print("kafka:", error, file=sys.stderr, flush=True)

def configuration(group):
    config = {
        "bootstrap.servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        "group.id": group,
        "auto.offset.reset": "earliest",  # a new group starts at the first record
        "partition.assignment.strategy": "cooperative-sticky",  # other members continue during a rebalance
        "enable.auto.offset.store": False,  # stored below, after the work
        "auto.commit.interval.ms": 1000,
        "error_cb": log,
    }
    if user := os.environ.get("KAFKA_USER"):
        config |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}
        config |= {"sasl.username": user, "sasl.password": os.environ["KAFKA_PASSWORD"]}
    if authorities := os.environ.get("KAFKA_CA"):
        config["ssl.ca.location"] = authorities
    return config

def show(message, watcher, as_json):
    # A null value is an absent attribute.
    present = [(name, value) for name, value in message.headers() or [] if value is not None]
    headers = {name: value.decode(errors="replace") for name, value in present}
    attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
    note, payload = watcher.observe(attributes), message.value() or b""
    if not as_json:
        print(events.line(payload, attributes, note), flush=True)
        return
    key = None if message.key() is None else message.key().decode(errors="replace")
    whole = {"topic": message.topic(), "key": key, "timestamp": message.timestamp()[1], "headers": headers}
    print(json.dumps(whole | {"payload": payload.decode(errors="replace"), "note": note}), flush=True)

def main(options):
    stops, watchers, left = [], collections.defaultdict(events.Watcher), options.count
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stops.append(True))

    def forget(_, partitions):  # another member reads these partitions now: no gaps
        for partition in partitions:
            watchers.pop(partition.partition, None)

    consumer = confluent_kafka.Consumer(configuration(options.group))
    consumer.subscribe([options.topic], on_revoke=forget, on_lost=forget)
    try:
        while left > 0 and not stops:
            message = consumer.poll(timeout=0.5)
            if message is None:
                continue
            if error := message.error():  # the client retries transient errors
                log(error)
                if error.fatal():
                    sys.exit(1)
                continue
            show(message, watchers[message.partition()], options.json)
            left -= 1
            consumer.store_offsets(message=message)  # after the work: unfinished records are redelivered
    finally:
        consumer.close()  # commits stored offsets and leaves the group

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", default="agent.driver", help="topic to read")
    parser.add_argument("--group", required=True, help="consumer group; its members share the partitions")
    parser.add_argument("--count", type=int, default=math.inf, help="exit after this number of records")
    parser.add_argument("--json", action="store_true", help="print whole records, one JSON object per line")
    main(parser.parse_args())
