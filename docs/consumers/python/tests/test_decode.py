import json
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from driver_events import MAX_BYTES, DecodeError, Known, Unknown, decode

GOAL = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"
READERS, STRICT = (
    json.loads((files("driver_events") / "schema" / name).read_text(encoding="utf-8"))
    for name in ("event.json", "event.strict.json")
)


def examples() -> list[dict[str, Any]]:
    """An event of each kind."""
    references = [alternative["$ref"].removeprefix("#/$defs/") for alternative in STRICT["oneOf"]]
    return [json.loads(json.dumps(STRICT["$defs"][name]["examples"][0])) for name in references]


def escalate(**fields: Any) -> bytes:
    return json.dumps({"kind": "escalate", "goal_id": GOAL, "reason": "x"} | fields).encode()


def error(payload: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as raised:
        decode(payload)
    return raised.value


@pytest.mark.parametrize("event", examples(), ids=lambda event: str(event["kind"]))
def test_every_kind_is_known(event: dict[str, Any]) -> None:
    payload = json.dumps(event, indent=1).encode()
    decoded = decode(payload)
    assert isinstance(decoded, Known)
    assert (decoded.event, decoded.kind, decoded.raw) == (event, event["kind"], payload)
    assert decoded.goal_id is not None and decoded.goal_id in json.dumps(event)


def test_unknown_kinds_values_and_fields_are_kept() -> None:
    payload = b' {"kind": "goal_paused", "goal": {"id": "7"}, "until": 1.50} '
    paused = decode(payload)
    assert paused == Unknown("goal_paused", "kind", {"kind": "goal_paused", "goal": {"id": "7"}, "until": 1.5}, payload)
    assert paused.goal_id == "7"
    goal = examples()[0]
    goal["goal"]["acceptance"].append({"kind": "vote", "quorum": 3})
    voted = decode(json.dumps(goal).encode())
    assert isinstance(voted, Unknown)
    assert (voted.kind, voted.path) == ("goal_started", f"goal.acceptance[{len(goal['goal']['acceptance']) - 1}].kind")
    extended = decode(escalate(severity="high"))
    assert isinstance(extended, Known)
    assert extended.event == json.loads(extended.raw)


def test_a_fault_is_reported_despite_an_unknown_value() -> None:
    goal = examples()[0]
    goal["goal"]["acceptance"].append({"kind": "vote"})
    del goal["goal"]["budget"]["max_turns"]
    assert str(error(json.dumps(goal).encode())) == "goal_started.goal.budget.max_turns: missing field 'max_turns'"


@pytest.mark.parametrize(
    ("payload", "cause", "text"),
    [
        (b"", "syntax", "expecting value at line 1 column 1"),
        (b"\xff", "syntax", "payload is not UTF-8: invalid start byte at byte 0"),
        (b'\xef\xbb\xbf{"kind":"x"}', "syntax", "expecting value at line 1 column 1"),
        ('{"kind":"x"}'.encode("utf-16"), "syntax", "payload is not UTF-8: invalid start byte at byte 0"),
        (b'{"kind":"x"}{}', "syntax", "extra data at line 1 column 13"),
        (escalate(n=float("nan")), "syntax", "NaN is not JSON"),
        (b'{"n":1e400}', "syntax", "number exceeds the range of a 64-bit float"),
        (b'{"n":' + b"9" * 5000 + b"}", "syntax", "number exceeds the range of a 64-bit float"),
        (b"[]", "missing_kind", "expected an object, found []"),
        (b"{}", "missing_kind", "kind: missing field 'kind'"),
        (b'{"kind":1}', "missing_kind", "kind: expected a string, found 1"),
        (b'{"kind":"x","kind":"x"}', "missing_kind", "kind: duplicate field 'kind'"),
        (escalate(goal_id="no-id"), "invalid", "escalate.goal_id: invalid uuid 'no-id'"),
        (escalate(goal_id=GOAL + "\n"), "invalid", f"escalate.goal_id: invalid uuid '{GOAL}\\n'"),
        (escalate(reason=None), "invalid", "escalate.reason: expected a string, found None"),
        (escalate()[:-1] + b',"reason":"y"}', "invalid", "escalate.reason: duplicate field 'reason'"),
    ],
)
def test_malformed_payloads(payload: bytes, cause: str, text: str) -> None:
    fault = error(payload)
    assert (fault.cause, str(fault)) == (cause, text)


@pytest.mark.parametrize("number", [b"1.0", b"1e0", b"-0", b"-1", b"4294967296", b"true", b'"1"', b"null"])
def test_integers_are_exact(number: bytes) -> None:
    payload = b'{"kind":"compact_completed","goal_id":"%b","turn_index":%b,"after_tokens":0}'
    assert isinstance(decode(payload % (GOAL.encode(), b"4294967295")), Known)
    assert error(payload % (GOAL.encode(), number)).path == "turn_index"


def test_limits_apply_before_parsing() -> None:
    assert error(escalate(reason="x" * MAX_BYTES)).cause == "too_large"
    assert isinstance(decode(escalate(reason="x" * MAX_BYTES), max_bytes=2 * MAX_BYTES), Known)
    nested: list[Any] = []
    for _ in range(62):
        nested = [nested]
    assert isinstance(decode(escalate(nested=nested, text='[{\\"' * 100)), Known)
    assert error(escalate(nested=[nested])).cause == "too_deep"
    assert error(b"[" * MAX_BYTES).cause == "too_deep"
    assert error(b'{"a":1,' * 60).cause == "syntax"


def test_large_integers_keep_all_digits() -> None:
    decoded = decode(escalate()[:-1] + b',"n":123456789012345678901234567890}')
    assert isinstance(decoded, Known)
    assert dict(decoded.event)["n"] == 123456789012345678901234567890


def test_hostile_payloads_cost_linear_time() -> None:
    start = time.perf_counter()
    names = ",".join(f'"{number}":0' for number in range(30_000))
    assert isinstance(decode(escalate()[:-1] + f',"0":1,{names}}}'.encode()), Known)
    usage = next(event for event in examples() if event["kind"] == "attempt_started")
    for text in ("1." + "1" * 500_000, "1" * 500_000 + "s", "1s" * 200_000 + "!", "s" * 500_000, "1 " * 200_000):
        usage["usage"]["wall_time"] = text
        assert error(json.dumps(usage).encode()).path == "usage.wall_time"
    for payload in (b"[" * 500_000, b'{"' * 100_000, b'"' + b"\\" * 500_000, b"\\ud800" * 80_000):
        error(payload)
    # Quadratic time is minutes.
    assert time.perf_counter() - start < 10


def test_lone_surrogates_are_read_as_replacement_characters() -> None:
    payload = escalate()[:-1] + rb',"\ud83d\\ud83d":"\udc00 \ud83d\ude00 \uD83D"}'
    decoded = decode(payload)
    assert isinstance(decoded, Known)
    assert dict(decoded.event)["\ufffd\\ud83d"] == "\ufffd 😀 \ufffd"
    assert decoded.raw == payload


def test_errors_are_one_short_printable_line() -> None:
    hostile = "\x1b[2J\n\u202e" * 1000
    for payload in (escalate(goal_id=hostile), escalate(reason={hostile: hostile}), escalate()[:-1], hostile.encode()):
        text = str(error(payload))
        assert text.isprintable() and len(text) < 600


def changed_examples() -> Iterator[bytes]:
    """The examples, with each value in turn replaced by others, and removed."""

    others: list[Any] = [None, "new", -1, [], {"kind": "new"}]

    def changed(event: Any, parent: Any) -> Iterator[bytes]:
        members = parent.items() if isinstance(parent, dict) else enumerate(parent) if isinstance(parent, list) else ()
        for key, child in list(members):
            for other in others:
                parent[key] = other
                yield json.dumps(event).encode()
            if isinstance(parent, dict):
                del parent[key]
                yield json.dumps(event).encode()
            parent[key] = child
            yield from changed(event, child)

    for event in examples():
        yield from changed(event, event)


def test_both_schemas_agree_with_the_decoder() -> None:
    readers, strict = Draft202012Validator(READERS), Draft202012Validator(STRICT)
    verdicts = set()
    for payload in changed_examples():
        try:
            decoded: Known | Unknown | None = decode(payload)
        except DecodeError:
            decoded = None
        event = json.loads(payload)
        assert readers.is_valid(event) == (decoded is not None), payload
        assert strict.is_valid(event) == isinstance(decoded, Known), payload
        verdicts.add(type(decoded))
    assert len(verdicts) == 3
