"""Reads the events of agents' driver loops from NATS, and tells what is missing and what comes twice.

    nats_consumer.py                                      what is published from now on
    nats_consumer.py --stream DRIVER --durable dashboard  what a stream has, from where this reader was last

The server is NATS_URL, else nats://127.0.0.1:4222.
"""

import argparse, asyncio, json, math, os, sys, urllib.parse
import nats, nats.errors, nats.js.errors
import events

AWAY = nats.errors.NoRespondersError, nats.js.errors.ServiceUnavailableError  # JetStream is not there now

def show(message, watcher, as_json):
    headers = {name.lower(): urllib.parse.unquote(value) for name, value in (message.headers or {}).items()}
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    attributes.setdefault("id", headers.get("nats-msg-id"))
    note = watcher.look(attributes)
    if as_json:
        whole = {"subject": message.subject, "headers": headers, "payload": message.data.decode(errors="replace")}
        print(json.dumps(whole | {"note": note}), flush=True)
    else:
        print(events.line(message.data, attributes, note), flush=True)

async def trouble(what):
    print("nats:", repr(what), file=sys.stderr, flush=True)

async def connected_again():
    await trouble("connected again; without a stream, what was published meanwhile did not come")

async def main(options):
    servers = os.environ.get("NATS_URL", "nats://127.0.0.1:4222").split(",")
    client = await nats.connect(servers, error_cb=trouble, reconnected_cb=connected_again, max_reconnect_attempts=-1)
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
                if options.stream:  # after the work: what is not acknowledged comes again
                    await message.ack_sync()
        except nats.errors.TimeoutError:
            continue
        except AWAY as error:
            await trouble(error)
            await asyncio.sleep(1)
    await client.close()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", default="agent.driver.>", help="what to subscribe to, without a stream")
    parser.add_argument("--stream", help="read from this stream")
    parser.add_argument("--durable", help="go on where the reader of this name was last; it is made if it is missing")
    parser.add_argument("--count", type=int, default=math.inf, help="end after so many messages")
    parser.add_argument("--json", action="store_true", help="print messages whole, as JSON, a line each")
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        pass
