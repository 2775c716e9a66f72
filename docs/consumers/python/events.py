"""Duplicate and gap detection, durations, and printing, for consumers of driver events over any transport.

Attributes are CloudEvents attributes, named without a prefix.
"""

import collections, json, re

MAX_REMEMBERED = 100_000  # pairs of source and id, and of goal and run

def remember(table, key, value):
    table[key] = value
    table.move_to_end(key)
    if len(table) > MAX_REMEMBERED:
        table.popitem(last=False)

class Watcher:
    """Detects gaps, duplicates and late events."""

    def __init__(self):
        self.ids, self.last = collections.OrderedDict(), collections.OrderedDict()

    def observe(self, attributes):
        event_id, sequence = (attributes.get("source"), attributes.get("id")), attributes.get("sequence", "")
        if event_id in self.ids:
            return "duplicate"
        if event_id[1]:
            remember(self.ids, event_id, True)
        if not attributes.get("producerrun") or not sequence.isdecimal() or len(sequence) > 20:
            return ""
        run, sequence = (attributes.get("subject"), attributes.get("producerrun")), int(sequence)
        last = self.last.get(run, sequence - 1)  # the first event of a run is not a gap
        remember(self.last, run, max(sequence, last))
        if sequence <= last:
            return "late"
        return f"{sequence - last - 1} missing before" if sequence > last + 1 else ""

SECOND = 10**9
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
UNITS |= dict.fromkeys(("day", "days"), 86_400 * SECOND)
UNITS |= dict.fromkeys(("month", "months"), 2_630_016 * SECOND)  # 30.44 days
UNITS |= dict.fromkeys(("year", "years"), 31_557_600 * SECOND)  # 365.25 days
PART = re.compile(f"([0-9]+)({'|'.join(UNITS)})")

def nanoseconds(duration):
    """Parses a duration, such as `1m 36s 410ms`. Returns an integer: `timedelta` has no nanoseconds."""
    parts = [PART.fullmatch(part) for part in duration.split(" ")]
    if not all(parts):
        raise ValueError(f"invalid duration {duration!r}")
    total = sum(int(part[1]) * UNITS[part[2]] for part in parts)
    if total >= 2**64 * SECOND:
        raise ValueError(f"duration {duration!r} exceeds 64 bits of seconds")
    return total

def elapsed_of(event):
    """Returns how long a completed goal took, as a list of at most one text."""
    outcome = event.get("outcome")
    elapsed = outcome.get("elapsed") if isinstance(outcome, dict) else None
    if not elapsed or not isinstance(elapsed, str):
        return []
    try:
        return [f"took {nanoseconds(elapsed) // 10**6}ms"]
    except ValueError:  # printed as received
        return [f"took {elapsed}"]

def goal_of(event):
    inner = [event[name] for name in ("goal", "outcome", "result", "decision") if isinstance(event.get(name), dict)]
    return next((part[name] for part in [event, *inner] for name in ("goal_id", "id") if name in part), "-")

def is_event(payload):
    try:
        return isinstance(json.loads(payload)["kind"], str)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False

def line(payload, attributes, note):
    """Formats the event as one line, escaped so that it is safe to print to a terminal."""
    try:  # unknown kinds are events too
        event, sequence = json.loads(payload), attributes.get("sequence", "-").lstrip("0")
        parts = [event["kind"], attributes.get("subject") or goal_of(event), sequence, *elapsed_of(event)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # a malformed event does not stop the consumer
        parts = ["malformed:", repr(error)]
    return " ".join([*(ascii(str(part))[1:-1] for part in parts), *([f"({note})"] if note else [])])
