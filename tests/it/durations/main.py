"""Prints each argument, a duration, in nanoseconds, or "error"."""

import sys
import events

for text in sys.argv[1:]:
    try:
        print(events.nanoseconds(text))
    except ValueError:
        print("error")
