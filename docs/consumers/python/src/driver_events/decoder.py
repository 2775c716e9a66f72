"""Decodes events, and keeps those of newer publishers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from . import validation
from .errors import DecodeError
from .parsing import is_repeated, parse
from .types import DriverEvent

MAX_BYTES = 512 * 1024
MAX_DEPTH = 64
# A recursive parser fails beyond some depth.
_MAX_MAX_DEPTH = 127


@dataclass(frozen=True, slots=True)
class Known:
    """An event of this version."""

    event: DriverEvent
    """The event, with fields that newer publishers added."""
    raw: bytes
    """The JSON, byte for byte as received."""

    @property
    def kind(self) -> str:
        """Text of ``"kind"``."""
        return self.event["kind"]

    @property
    def goal_id(self) -> str | None:
        """Id of the goal, as written."""
        return _goal_id(self.event)


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a newer publisher: of an unknown kind, or of a known kind with an unknown value. Pass it on as ``raw``."""

    kind: str
    """Text of ``"kind"``: any text, not escaped."""
    path: str
    """Path of the first unknown value: ``kind``, or for example ``goal.acceptance[0].kind`` or ``axis``."""
    event: dict[str, Any]
    """The parsed JSON."""
    raw: bytes
    """The JSON, byte for byte as received."""

    @property
    def goal_id(self) -> str | None:
        """Text in the fields that known kinds use for the id of the goal. Not validated."""
        return _goal_id(self.event)


def decode(payload: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Known | Unknown:
    """Decodes the payload of a message: one event as JSON.

    ``max_depth`` is at most 127.

    Raises ``DecodeError`` if the payload is malformed or exceeds a limit.
    """
    event = parse(payload, max_bytes, min(max_depth, _MAX_MAX_DEPTH))
    if not isinstance(event, dict):
        raise DecodeError("missing_kind", f"expected an object, found {event!r:.100}")
    kind = _kind(event)
    if kind not in validation.known_kinds():
        return Unknown(kind, "kind", event, payload)
    finding = validation.check(kind, event)
    if finding is None:
        return Known(cast(DriverEvent, event), payload)
    if finding.unknown:
        return Unknown(kind, finding.path, event, payload)
    raise DecodeError("invalid", finding.message, kind, finding.path)


def _kind(event: Mapping[str, Any]) -> str:
    kind = event.get("kind")
    if isinstance(kind, str) and not is_repeated(event, "kind"):
        return kind
    if "kind" not in event:
        raise DecodeError("missing_kind", "missing field 'kind'", path="kind")
    found = "duplicate field 'kind'" if isinstance(kind, str) else f"expected a string, found {kind!r:.100}"
    raise DecodeError("missing_kind", found, path="kind")


def _goal_id(event: Mapping[str, Any]) -> str | None:
    objects = {name: event[name] for name in ("goal", "outcome", "result", "decision") if isinstance(event.get(name), dict)}
    ids = [event.get("goal_id"), objects.pop("goal", {}).get("id"), *(part.get("goal_id") for part in objects.values())]
    return next((text for text in ids if isinstance(text, str)), None)
