"""Detects duplicates, gaps and late events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Observation:
    """Relation of an event to the events before it. False if there is nothing to report."""

    duplicate: bool = False
    """An event with this source and id was observed before."""
    late: bool = False
    """An event of this goal and run with a higher sequence number was observed before."""
    missing: int = 0
    """Number of events of this goal and run that were not observed before this one."""

    def __bool__(self) -> bool:
        return self.duplicate or self.late or self.missing > 0

    def __str__(self) -> str:
        if self.duplicate:
            return "duplicate"
        if self.late:
            return "late"
        return f"{self.missing} missing before" if self.missing else ""


class Watcher:
    """Compares each event with the events before it, by its attributes.

    Keeps the latest ``capacity`` pairs of source and id, and as many pairs of goal and run. Use one watcher for each
    subscription, durable consumer or partition.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._ids: _Recent[tuple[str | None, str], None] = _Recent(capacity)
        self._sequences: _Recent[tuple[str | None, str], int] = _Recent(capacity)

    def observe(self, attributes: Mapping[str, str]) -> Observation:
        """Records the next event. The first event of a goal and run is never a gap."""
        if event_id := attributes.get("id"):
            key = (attributes.get("source"), event_id)
            if key in self._ids:
                return Observation(duplicate=True)
            self._ids.put(key, None)
        sequence, run = _sequence(attributes), attributes.get("producerrun")
        if sequence is None or not run:
            return Observation()
        key = (attributes.get("subject"), run)
        last = self._sequences.get(key, sequence - 1)
        self._sequences.put(key, max(sequence, last))
        return Observation(late=sequence <= last, missing=max(0, sequence - last - 1))


class _Recent(OrderedDict[_K, _V], Generic[_K, _V]):
    """A table of the keys that were put last."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    def put(self, key: _K, value: _V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._capacity:
            self.popitem(last=False)


def _sequence(attributes: Mapping[str, str]) -> int | None:
    """Returns the sequence number, or ``None`` if it is missing or not a number from 1 to 2**64 - 1."""
    text = attributes.get("sequence", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        return None
    number = int(text)
    return number if 0 < number < 2**64 else None
