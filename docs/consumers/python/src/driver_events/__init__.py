"""Reads the events of AI agents' driver loops: decodes them, and detects duplicates and gaps.

The README of this package has an example. ``driver_events.types`` has the type of every event and object.
"""

from .attributes import kafka_attributes, kafka_headers, nats_attributes, nats_headers
from .decoder import MAX_BYTES, MAX_DEPTH, Known, Unknown, decode
from .durations import duration_ns, to_timedelta
from .errors import Cause, DecodeError
from .times import time_ns, to_datetime
from .types import DriverEvent
from .watcher import Observation, Watcher

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Cause",
    "DecodeError",
    "DriverEvent",
    "Known",
    "Observation",
    "Unknown",
    "Watcher",
    "decode",
    "duration_ns",
    "kafka_attributes",
    "kafka_headers",
    "nats_attributes",
    "nats_headers",
    "time_ns",
    "to_datetime",
    "to_timedelta",
]
