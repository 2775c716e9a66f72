"""Prints each argument, a duration, in nanoseconds, or "error"."""

import sys

from driver_events import duration_ns

for text in sys.argv[1:]:
    try:
        print(duration_ns(text))
    except ValueError:
        print("error")
