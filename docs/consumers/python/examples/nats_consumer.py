"""Reads driver events from NATS and reports gaps and duplicates.

    nats_consumer.py                                      subscribe to new events
    nats_consumer.py --stream DRIVER --durable dashboard  read a stream with a durable consumer

NATS_URL sets the servers (default: nats://127.0.0.1:4222).
"""

import argparse
import asyncio
import json
import os
import signal
import sys

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from driver_events import DecodeError, Known, Unknown, Watcher, decode, nats_attributes, nats_headers
from printing import line

# JetStream may return.
UNAVAILABLE = (nats.errors.NoRespondersError, nats.js.errors.ServiceUnavailableError)
MAX_BATCH = 100


def show(message: Msg, watcher: Watcher, as_json: bool) -> Known | Unknown | DecodeError:
    """Prints the message. Returns its event, or the error of a malformed message."""
    attributes = nats_attributes(message.headers)
    observation = watcher.observe(attributes)
    decoded: Known | Unknown | DecodeError
    try:
        decoded = decode(message.data)
    except DecodeError as error:
        decoded = error
    if as_json:
        payload = message.data.decode(errors="replace")
        whole = {"subject": message.subject, "headers": nats_headers(message.headers), "payload": payload}
        print(json.dumps(whole | {"note": str(observation)}), flush=True)
    else:
        print(line(decoded, attributes, observation), flush=True)
    return decoded


async def log(error: object) -> None:
    print("nats:", repr(error), file=sys.stderr, flush=True)


async def log_reconnect() -> None:
    await log("reconnected; without a stream, events published meanwhile are missing")


async def listen(client: Client, subject: str, count: float, as_json: bool) -> None:
    """Prints the new messages of a subject."""
    subscription = await client.subscribe(subject)
    watcher = Watcher()
    while count > 0:
        try:
            show(await subscription.next_msg(timeout=5), watcher, as_json)
            count -= 1
        except nats.errors.TimeoutError:
            continue


async def consume(client: Client, stream: str, durable: str | None, count: float, as_json: bool) -> None:
    """Prints the messages of a stream, and settles each after the work: unsettled messages are redelivered."""
    consumer = await client.jetstream().pull_subscribe("", durable, stream)
    watcher = Watcher()
    while count > 0:
        try:
            for message in await consumer.fetch(int(min(count, MAX_BATCH)), timeout=5):
                if isinstance(show(message, watcher, as_json), DecodeError):
                    await message.term()
                else:
                    await message.ack_sync()
                count -= 1
        except nats.errors.TimeoutError:
            continue
        except UNAVAILABLE as error:
            await log(error)
            await asyncio.sleep(1)


async def main(options: argparse.Namespace) -> None:
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    servers = os.environ.get("NATS_URL", "nats://127.0.0.1:4222").split(",")
    client = await nats.connect(servers, error_cb=log, reconnected_cb=log_reconnect, max_reconnect_attempts=-1)
    try:
        if options.stream:
            await consume(client, options.stream, options.durable, options.count, options.json)
        else:
            await listen(client, options.subject, options.count, options.json)
    finally:
        await client.close()  # sends pending acks


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", default="agent.driver.>", help="subject to subscribe to, without --stream")
    parser.add_argument("--stream", help="stream to read")
    parser.add_argument("--durable", help="durable consumer, created if it does not exist")
    parser.add_argument("--count", type=int, default=float("inf"), help="exit after this number of messages")
    parser.add_argument("--json", action="store_true", help="print whole messages, one JSON object per line")
    try:
        asyncio.run(main(parser.parse_args()))
    except (KeyboardInterrupt, asyncio.CancelledError):  # SIGINT, SIGTERM
        pass
