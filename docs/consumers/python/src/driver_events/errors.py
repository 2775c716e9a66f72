"""The error of ``decode``."""

from __future__ import annotations

from typing import Literal

Cause = Literal["too_large", "too_deep", "syntax", "missing_kind", "invalid"]
"""Cause of a ``DecodeError``:

- ``too_large``, ``too_deep``: exceeds a limit, and was not parsed.
- ``syntax``: not JSON, not UTF-8, or continues after the first value.
- ``missing_kind``: not an object with one string ``"kind"``.
- ``invalid``: a field is missing, duplicate, out of range or of the wrong type.
"""

_MAX_MESSAGE_CHARS = 400
_MAX_KIND_CHARS = 100


class DecodeError(ValueError):
    """The payload is malformed. Report it, and continue with the next message.

    The text is ``KIND.PATH: MESSAGE``, as far as they are known: one short line without control characters, whatever the
    payload contains.
    """

    def __init__(self, cause: Cause, message: str, event_kind: str | None = None, path: str = "") -> None:
        self.cause: Cause = cause
        self.message = printable(message, _MAX_MESSAGE_CHARS)
        self.event_kind = event_kind
        """Text of ``"kind"``, not escaped, or ``None`` if it cannot be read."""
        self.path = path
        """Path of the field, such as ``result.decisions_recorded[3].decided_at``. Empty for the whole payload."""
        kind = None if event_kind is None else printable(event_kind, _MAX_KIND_CHARS)
        where = ".".join(part for part in (kind, path) if part)
        super().__init__(f"{where}: {self.message}" if where else self.message)


def printable(text: str, max_chars: int) -> str:
    """Escapes what a terminal would interpret, and truncates the text."""
    escaped = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[: max_chars + 1])
    return escaped if len(escaped) <= max_chars else escaped[:max_chars] + "…"
