"""Duplicate and gap detection, and printing, for consumers of driver events over any transport.

Attributes are CloudEvents attributes, named without a prefix.
"""

import collections, json

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
        if not sequence.isdecimal() or len(sequence) > 20:
            return ""
        run, sequence = (attributes.get("subject"), attributes.get("producerrun")), int(sequence)
        last = self.last.get(run, sequence - 1)  # the first event of a run is not a gap
        remember(self.last, run, max(sequence, last))
        if sequence <= last:
            return "late"
        return f"{sequence - last - 1} missing before" if sequence > last + 1 else ""

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
        parts = [event["kind"], attributes.get("subject") or goal_of(event), sequence]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # a malformed event does not stop the consumer
        parts = ["malformed:", repr(error)]
    return " ".join([*(ascii(str(part))[1:-1] for part in parts), *([f"({note})"] if note else [])])
