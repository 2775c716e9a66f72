"""Reads the events of agents' driver loops from Kafka, and tells what is missing and what comes twice.

    kafka_consumer.py --group dashboard    what this group has not read yet

The brokers are KAFKA_BOOTSTRAP_SERVERS, else 127.0.0.1:9092. With a KAFKA_USER it logs in, with KAFKA_PASSWORD,
by SCRAM-SHA-512 over TLS; KAFKA_CA names a file with the authorities to trust instead of the system's.
"""

import argparse, collections, json, math, os, signal, sys
import confluent_kafka
import events

def trouble(what):
    print("kafka:", what, file=sys.stderr, flush=True)

def configuration(group):
    config = {
        "bootstrap.servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        "group.id": group,
        "auto.offset.reset": "earliest",  # a new group begins with the first record there is
        "partition.assignment.strategy": "cooperative-sticky",  # members come and go, and the others read on
        "enable.auto.offset.store": False,  # what is done is said below, and committed every second
        "auto.commit.interval.ms": 1000,
        "error_cb": trouble,
    }
    if user := os.environ.get("KAFKA_USER"):
        config |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}
        config |= {"sasl.username": user, "sasl.password": os.environ["KAFKA_PASSWORD"]}
    if authorities := os.environ.get("KAFKA_CA"):
        config["ssl.ca.location"] = authorities
    return config

def show(message, watcher, as_json):
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or []}
    attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
    note, payload = watcher.look(attributes), message.value() or b""
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

    def forget(_, partitions):  # what another member reads from now on is not missing
        for partition in partitions:
            watchers.pop(partition.partition, None)

    consumer = confluent_kafka.Consumer(configuration(options.group))
    consumer.subscribe([options.topic], on_revoke=forget, on_lost=forget)
    try:
        while left > 0 and not stops:
            message = consumer.poll(timeout=0.5)
            if message is None:
                continue
            if error := message.error():  # most pass by themselves: the client goes on trying
                trouble(error)
                if error.fatal():
                    sys.exit(1)
                continue
            show(message, watchers[message.partition()], options.json)
            left -= 1
            consumer.store_offsets(message=message)  # after the work: what was not done comes again
    finally:
        consumer.close()  # commits what was done, and leaves the group

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", default="agent.driver", help="what to read")
    parser.add_argument("--group", required=True, help="the consumer group: its members share the work")
    parser.add_argument("--count", type=int, default=math.inf, help="end after so many records")
    parser.add_argument("--json", action="store_true", help="print records whole, as JSON, a line each")
    main(parser.parse_args())
