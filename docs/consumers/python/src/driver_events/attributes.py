"""CloudEvents attributes of an event, from the headers of its message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

KafkaHeaders = Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]]
"""Headers of a Kafka record, as its client returns them."""


def nats_attributes(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Returns the attributes of a NATS message by their CloudEvents names: ``source``, ``id``, ``sequence``, …

    Values are unquoted and percent-decoded; names are compared case-insensitively. ``id`` is that of ``Nats-Msg-Id`` if
    there is no ``ce-id``.
    """
    decoded = nats_headers(headers)
    attributes = {name.removeprefix("ce-"): value for name, value in decoded.items() if name.startswith("ce-")}
    if key := decoded.get("nats-msg-id"):
        attributes.setdefault("id", key)
    return attributes


def nats_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Returns all headers of a NATS message: names in lower case, values unquoted and percent-decoded."""
    return {name.lower(): unquote(_without_quotes(value)) for name, value in (headers or {}).items()}


def _without_quotes(value: str) -> str:
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)


def kafka_attributes(headers: KafkaHeaders | None) -> dict[str, str]:
    """Returns the attributes of a Kafka record by their CloudEvents names: ``source``, ``id``, ``sequence``, …"""
    decoded = kafka_headers(headers)
    attributes = {name.removeprefix("ce_"): value for name, value in decoded.items() if name.startswith("ce_")}
    if content_type := decoded.get("content-type"):
        attributes.setdefault("datacontenttype", content_type)
    return attributes


def kafka_headers(headers: KafkaHeaders | None) -> dict[str, str]:
    """Returns all headers of a Kafka record as text. The last header of a name counts, a null value is left out."""
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value
        for name, value in dict(headers or ()).items()
        if value is not None
    }
