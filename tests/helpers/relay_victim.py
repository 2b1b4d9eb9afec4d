"""A process that writes to a relay and drains until it is killed: `python -m helpers.relay_victim FOLDER URL NOTES`.

It notes each append after it returned, as `STREAM COUNT`: what it was told is done.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from helpers.relays import relay
from helpers.stores import recorded

SIZES = (1, 40, 700, 3)
"""Events of an append; 700 are more than a block."""


def main() -> None:
    """Writes for ever."""
    folder, url, notes = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    victim = relay(folder, url, gather=0.005)
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in count():
        stream_id, size = ("orders", "bills")[number % 2], SIZES[number % len(SIZES)]
        victim.append_events(stream_id, [recorded(f"{os.getpid()}-{number}-{index}") for index in range(size)])
        os.write(file, f"{stream_id} {size}\n".encode())
        if number % 7 == 0:
            victim.trim_events(stream_id, keep=500)


if __name__ == "__main__":
    main()
