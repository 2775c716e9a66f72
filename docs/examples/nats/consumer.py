"""Reads the events of agents' driver loops from NATS, and tells what is missing and what comes twice.

    consumer.py                                      what is published from now on
    consumer.py --stream DRIVER --durable dashboard  what a stream has, from where this reader was last

The server is NATS_URL, else nats://127.0.0.1:4222.
"""

import argparse, asyncio, collections, json, math, os, sys, urllib.parse
import nats, nats.errors, nats.js.errors

REMEMBERED = 100_000  # ids, and runs of goals
AWAY = nats.errors.NoRespondersError, nats.js.errors.ServiceUnavailableError  # JetStream is not there now

def remember(table, key, value):
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)

class Watcher:
    def __init__(self):
        self.ids, self.last = collections.OrderedDict(), collections.OrderedDict()

    def look(self, headers):
        event_id, sequence = headers.get("ce-id") or headers.get("nats-msg-id"), headers.get("ce-sequence", "")
        if event_id in self.ids:
            return "duplicate"
        if event_id:
            remember(self.ids, event_id, True)
        if not sequence.isdecimal() or len(sequence) > 20:
            return ""
        run, sequence = (headers.get("ce-subject"), headers.get("ce-producerrun")), int(sequence)
        last = self.last.get(run, sequence - 1)  # who begins to read in the middle misses nothing
        remember(self.last, run, max(sequence, last))
        if sequence <= last:
            return "late"
        return f"{sequence - last - 1} missing before" if sequence > last + 1 else ""

def goal_of(event):
    inner = [event[name] for name in ("goal", "outcome", "result", "decision") if isinstance(event.get(name), dict)]
    return next((part[name] for part in [event, *inner] for name in ("goal_id", "id") if name in part), "-")

def show(message, watcher, as_json):
    headers = {name.lower(): urllib.parse.unquote(value) for name, value in (message.headers or {}).items()}
    note = watcher.look(headers)
    if as_json:
        whole = {"subject": message.subject, "headers": headers, "payload": message.data.decode(errors="replace")}
        print(json.dumps(whole | {"note": note}), flush=True)
        return
    try:  # a kind that nobody knows yet is an event too
        event, sequence = json.loads(message.data), headers.get("ce-sequence", "-").lstrip("0")
        parts = [event["kind"], headers.get("ce-subject") or goal_of(event), sequence]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # what is no event stops nobody
        parts = ["no event:", repr(error)]
    print(*(ascii(str(part))[1:-1] for part in parts), *([f"({note})"] if note else []), flush=True)

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
    watcher, left = Watcher(), options.count
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
