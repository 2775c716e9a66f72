"""Parses JSON as the Rust crates do: with limits, and strictly where Python's ``json`` is lenient."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

from .errors import DecodeError

# A string, which may be cut off, or a bracket outside of strings.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]+|\\.)*"?|[\[\]{}]', re.DOTALL)
# Pairs and other escapes are matched, so that the search does not start in them.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
# Shorter integers are in the range of a 64-bit float.
_SHORT_INTEGER = 300


class _RepeatedNames(dict[str, Any]):
    """An object in which a name occurs more than once. The last value counts."""

    repeated: frozenset[str]


def is_repeated(members: Mapping[str, Any], name: str) -> bool:
    """Returns whether the name occurs more than once in a parsed object."""
    return isinstance(members, _RepeatedNames) and name in members.repeated


def parse(payload: bytes, max_bytes: int, max_depth: int) -> Any:
    """Parses one JSON value. Lone surrogates are read as U+FFFD.

    Raises ``DecodeError``.
    """
    if len(payload) > max_bytes:
        raise DecodeError("too_large", f"{len(payload)} bytes exceed the limit of {max_bytes} bytes")
    if _is_deeper(payload, max_depth):
        raise DecodeError("too_deep", f"JSON nests deeper than the limit of {max_depth} levels")
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("syntax", f"payload is not UTF-8: {error.reason} at byte {error.start}") from None
    try:
        return _DECODER.decode(_replace_lone_surrogates(text))
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        raise DecodeError("syntax", f"{message} at line {error.lineno} column {error.colno}") from None
    except ValueError as error:
        raise DecodeError("syntax", str(error)) from None


def _is_deeper(payload: bytes, max_depth: int) -> bool:
    if payload.count(b"{") + payload.count(b"[") <= max_depth:
        return False
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(payload):
        bracket = found[0]
        if bracket in b"{[":
            depth += 1
            if depth > max_depth:
                return True
        elif bracket in b"]}":
            depth = max(0, depth - 1)
    return False


def _replace_lone_surrogates(text: str) -> str:
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], text)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(members)
    if len(plain) == len(members):
        return plain
    repeated = _RepeatedNames(members)
    counts = Counter(name for name, _ in members)
    repeated.repeated = frozenset(name for name, count in counts.items() if count > 1)
    return repeated


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("number exceeds the range of a 64-bit float")
    return number


def _integer(text: str) -> int | float:
    if text == "-0":
        return -0.0
    if len(text) > _SHORT_INTEGER:
        _float(text)
    return int(text)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_integer, parse_constant=_constant
)
