"""Decodes payloads, one on each line in hexadecimal digits, and prints the verdict on each as a line of JSON."""

import json
import sys

from driver_events import DecodeError, Known, decode

for line in sys.stdin:
    payload = bytes.fromhex(line)
    try:
        decoded = decode(payload)
    except DecodeError as error:
        printed = {"verdict": "malformed", "kind": error.event_kind, "path": error.path}
    else:
        known = isinstance(decoded, Known)
        printed = {
            "verdict": "known" if known else "unknown",
            "kind": decoded.kind,
            "path": "" if known else decoded.path,
            "event": decoded.event,
            "raw": decoded.raw.hex(),
        }
    print(json.dumps(printed))
