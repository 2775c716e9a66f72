"""Reads driver events from Kafka and reports gaps and duplicates.

    kafka_consumer.py --group dashboard    read from the committed offsets of the group

KAFKA_BOOTSTRAP_SERVERS sets the brokers (default: 127.0.0.1:9092). KAFKA_USER and KAFKA_PASSWORD authenticate with
SCRAM-SHA-512 over TLS; KAFKA_CA is a file of certificate authorities (default: the system's).
"""

import argparse
import json
import os
import signal
import sys
from collections import defaultdict

from confluent_kafka import Consumer, Message, TopicPartition

from driver_events import DecodeError, Known, Unknown, Watcher, decode, kafka_attributes, kafka_headers
from printing import line


def log(error: object) -> None:
    print("kafka:", error, file=sys.stderr, flush=True)


def configuration(group: str) -> dict[str, object]:
    config: dict[str, object] = {
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


def show(message: Message, watcher: Watcher, as_json: bool) -> None:
    attributes = kafka_attributes(message.headers())
    observation, payload = watcher.observe(attributes), message.value() or b""
    if not as_json:
        decoded: Known | Unknown | DecodeError
        try:
            decoded = decode(payload)
        except DecodeError as error:
            decoded = error
        print(line(decoded, attributes, observation), flush=True)
        return
    key = message.key()
    whole = {
        "topic": message.topic(),
        "key": key.decode(errors="replace") if isinstance(key, bytes) else key,
        "timestamp": message.timestamp()[1],
        "headers": kafka_headers(message.headers()),
        "payload": payload.decode(errors="replace"),
        "note": str(observation),
    }
    print(json.dumps(whole), flush=True)


def main(options: argparse.Namespace) -> None:
    stops: list[bool] = []
    watchers: defaultdict[int | None, Watcher] = defaultdict(Watcher)
    left = options.count
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stops.append(True))

    def forget(_: Consumer, partitions: list[TopicPartition]) -> None:
        # Another member reads these partitions now: no gaps.
        for partition in partitions:
            watchers.pop(partition.partition, None)

    consumer = Consumer(configuration(options.group))
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
    parser.add_argument("--count", type=int, default=float("inf"), help="exit after this number of records")
    parser.add_argument("--json", action="store_true", help="print whole records, one JSON object per line")
    main(parser.parse_args())
