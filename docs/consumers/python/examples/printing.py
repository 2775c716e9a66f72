"""Prints events as single lines, for the examples."""

from collections.abc import Mapping

from driver_events import DecodeError, Known, Observation, Unknown, duration_ns


def line(decoded: Known | Unknown | DecodeError, attributes: Mapping[str, str], observation: Observation) -> str:
    """Formats a message as one line, escaped so that it is safe to print to a terminal."""
    parts = [f"malformed: {decoded}"] if isinstance(decoded, DecodeError) else _parts(decoded, attributes)
    note = [f"({observation})"] if observation else []
    return " ".join([*(ascii(part)[1:-1] for part in parts), *note])


def _parts(decoded: Known | Unknown, attributes: Mapping[str, str]) -> list[str]:
    goal = attributes.get("subject") or decoded.goal_id or "-"
    sequence = attributes.get("sequence", "").lstrip("0") or "-"
    parts = [decoded.kind, goal, sequence]
    if isinstance(decoded, Known) and decoded.event["kind"] == "goal_completed":
        elapsed = duration_ns(decoded.event["outcome"]["elapsed"])
        parts.append(f"took {elapsed // 10**6}ms")
    return parts
