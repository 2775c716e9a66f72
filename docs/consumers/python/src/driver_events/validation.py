"""Validates events with ``event.strict.json``, and tells unknown values from faults.

The schema describes a tagged object by ``oneOf``. To report the fault of the object that was meant, and not that of every
alternative, ``oneOf`` is replaced with a keyword that selects by ``"kind"``. Other replaced keywords report paths and
texts as the Rust crates do, and check what a pattern cannot: that 2026-02-30 is no day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from .durations import duration_ns
from .parsing import is_repeated
from .times import time_ns

_BY_KIND = "driver-events:by-kind"
_FORM = "driver-events:form"
# The keywords that report unknown values.
_UNKNOWN = (_BY_KIND, "enum")


@dataclass(frozen=True, slots=True)
class Finding:
    """An unknown value, or a fault."""

    path: str
    message: str
    unknown: bool


def known_kinds() -> frozenset[str]:
    """Returns the kinds of events that this version knows."""
    return frozenset(_validators())


def check(kind: str, event: Mapping[str, Any]) -> Finding | None:
    """Returns the first fault of an event of a known kind, or else its first unknown value."""
    unknown = None
    for error in _validators()[kind].iter_errors(event):
        if error.validator not in _UNKNOWN:
            # `anyOf` is a value or null: the first fault is that of the value.
            while error.context:
                error = error.context[0]
            return Finding(_path(error), error.message, unknown=False)
        unknown = unknown or Finding(_path(error), error.message, unknown=True)
    return unknown


def _path(error: ValidationError) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return "".join(parts).removeprefix(".")


@cache
def _validators() -> Mapping[str, Validator]:
    """Returns a validator for each kind."""
    schema = json.loads(files("driver_events").joinpath("schema/event.strict.json").read_text(encoding="utf-8"))
    definitions = schema["$defs"]
    events = _select_by_kind(schema["oneOf"], definitions)
    tagged = {
        name: {_BY_KIND: _select_by_kind(definition["oneOf"], definitions)}
        for name, definition in definitions.items()
        if "oneOf" in definition
    }
    forms = {form: {"type": "string", _FORM: form} for form in _FORMS}
    adapted = definitions | tagged | forms
    return {kind: _EventValidator({**reference, "$defs": adapted}) for kind, reference in events.items()}


def _select_by_kind(alternatives: list[dict[str, str]], definitions: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    def kind(reference: str) -> str:
        constant: str = definitions[reference.removeprefix("#/$defs/")]["properties"]["kind"]["const"]
        return constant

    return {kind(alternative["$ref"]): alternative for alternative in alternatives}


def _check_kind(validator: Any, kinds: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        yield ValidationError(f"expected an object, found {instance!r:.100}", validator="type")
    elif "kind" not in instance:
        yield ValidationError("missing field 'kind'", path=("kind",), validator="required")
    elif not isinstance(instance["kind"], str):
        found = instance["kind"]
        yield ValidationError(f"expected a string, found {found!r:.100}", path=("kind",), validator="type")
    elif instance["kind"] in kinds:
        yield from validator.descend(instance, kinds[instance["kind"]])
    else:
        yield ValidationError("unknown kind", path=("kind",))


def _check_properties(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    required = schema.get("required", ())
    for name, subschema in properties.items():
        if is_repeated(instance, name):
            yield ValidationError(f"duplicate field {name!r}", path=(name,))
        elif name in instance:
            yield from validator.descend(instance[name], subschema, path=name)
        elif name in required:
            yield ValidationError(f"missing field {name!r}", path=(name,))


def _check_type(validator: Any, expected: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, expected):
        article = "an" if expected[0] in "aio" else "a"
        yield ValidationError(f"expected {article} {expected}, found {instance!r:.100}")


def _check_enum(validator: Any, values: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    # Another type than a string is a fault, which the keyword `type` reports.
    if isinstance(instance, str) and instance not in values:
        yield ValidationError(f"unknown value {instance!r:.100}")


def _check_pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    # Python's `$` also matches before a final line feed.
    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError(f"invalid {schema.get('format', 'text')} {instance!r:.100}")


def _check_form(validator: Any, form: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str):
        try:
            _FORMS[form](instance)
        except ValueError as error:
            yield ValidationError(str(error))


def _is_integer(_: object, instance: object) -> bool:
    """Refuses ``1.0``, which JSON Schema calls an integer."""
    return isinstance(instance, int) and not isinstance(instance, bool)


_FORMS: Mapping[str, Callable[[str], object]] = {"Time": time_ns, "Duration": duration_ns}

_EventValidator = extend(  # type: ignore[no-untyped-call]  # the stubs lack its types
    Draft202012Validator,
    validators={
        _BY_KIND: _check_kind,
        _FORM: _check_form,
        "properties": _check_properties,
        # Reported in the order of the properties.
        "required": lambda *_: (),
        "type": _check_type,
        "pattern": _check_pattern,
        "enum": _check_enum,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
