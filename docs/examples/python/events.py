"""What every consumer of the events of agents' driver loops does, whatever brings them to it.

Attributes are those of CloudEvents, by their names without a prefix.
"""

import collections, json

REMEMBERED = 100_000  # ids, and runs of goals

def remember(table, key, value):
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)

class Watcher:
    """Tells what is missing and what comes twice."""

    def __init__(self):
        self.ids, self.last = collections.OrderedDict(), collections.OrderedDict()

    def look(self, attributes):
        event_id, sequence = attributes.get("id"), attributes.get("sequence", "")
        if event_id in self.ids:
            return "duplicate"
        if event_id:
            remember(self.ids, event_id, True)
        if not sequence.isdecimal() or len(sequence) > 20:
            return ""
        run, sequence = (attributes.get("subject"), attributes.get("producerrun")), int(sequence)
        last = self.last.get(run, sequence - 1)  # who begins to read in the middle misses nothing
        remember(self.last, run, max(sequence, last))
        if sequence <= last:
            return "late"
        return f"{sequence - last - 1} missing before" if sequence > last + 1 else ""

def goal_of(event):
    inner = [event[name] for name in ("goal", "outcome", "result", "decision") if isinstance(event.get(name), dict)]
    return next((part[name] for part in [event, *inner] for name in ("goal_id", "id") if name in part), "-")

def line(payload, attributes, note):
    """The event in a line, of which no terminal obeys what an event contains."""
    try:  # a kind that nobody knows yet is an event too
        event, sequence = json.loads(payload), attributes.get("sequence", "-").lstrip("0")
        parts = [event["kind"], attributes.get("subject") or goal_of(event), sequence]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # what is no event stops nobody
        parts = ["no event:", repr(error)]
    return " ".join([*(ascii(str(part))[1:-1] for part in parts), *([f"({note})"] if note else [])])
