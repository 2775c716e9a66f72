"""Reads driver events from NATS and reports gaps and duplicates.

    nats_consumer.py                                      subscribe to new events
    nats_consumer.py --stream DRIVER --durable dashboard  read a stream with a durable consumer

NATS_URL sets the servers (default: nats://127.0.0.1:4222).
"""

import argparse, asyncio, json, math, os, signal, sys, urllib.parse
import nats, nats.errors, nats.js.errors
import events

UNAVAILABLE = nats.errors.NoRespondersError, nats.js.errors.ServiceUnavailableError  # JetStream may return

def show(message, watcher, as_json):
    headers = {name.lower(): urllib.parse.unquote(value) for name, value in (message.headers or {}).items()}
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    attributes.setdefault("id", headers.get("nats-msg-id"))
    note = watcher.observe(attributes)
    if as_json:
        whole = {"subject": message.subject, "headers": headers, "payload": message.data.decode(errors="replace")}
        print(json.dumps(whole | {"note": note}), flush=True)
    else:
        print(events.line(message.data, attributes, note), flush=True)

async def log(error):
    print("nats:", repr(error), file=sys.stderr, flush=True)

async def log_reconnect():
    await log("reconnected; without a stream, events published meanwhile are missing")

async def main(options):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    servers = os.environ.get("NATS_URL", "nats://127.0.0.1:4222").split(",")
    client = await nats.connect(servers, error_cb=log, reconnected_cb=log_reconnect, max_reconnect_attempts=-1)
    try:
        await read(client, options)
    finally:
        await client.close()  # sends pending acks

async def settle(message):  # after the work: unsettled messages are redelivered
    if events.is_event(message.data):
        await message.ack_sync()
    else:
        await message.term()

async def read(client, options):
    if options.stream:
        reader = await client.jetstream().pull_subscribe("", options.durable, options.stream)
        fetch = lambda: reader.fetch(min(left, 100), timeout=5)
    else:
        reader = await client.subscribe(options.subject)
        fetch = lambda: reader.next_msg(timeout=5)
    watcher, left = events.Watcher(), options.count
    while left > 0:
        try:
            messages = await fetch()
            for message in messages if options.stream else [messages]:
                show(message, watcher, options.json)
                left -= 1
                if options.stream:
                    await settle(message)
        except nats.errors.TimeoutError:
            continue
        except UNAVAILABLE as error:
            await log(error)
            await asyncio.sleep(1)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", default="agent.driver.>", help="subject to subscribe to, without --stream")
    parser.add_argument("--stream", help="stream to read")
    parser.add_argument("--durable", help="durable consumer, created if it does not exist")
    parser.add_argument("--count", type=int, default=math.inf, help="exit after this number of messages")
    parser.add_argument("--json", action="store_true", help="print whole messages, one JSON object per line")
    try:
        asyncio.run(main(parser.parse_args()))
    except (KeyboardInterrupt, asyncio.CancelledError):  # SIGINT, SIGTERM
        pass
