"""The terminal itself: whether it has taken the last frame, and whether it is still there.

On a slow link frames would queue up and keys would be answered late. Measured on a link of 100 kB/s at 200x60: 8 s to
answer a key without this, 0.3 s with it. The queue is a private attribute of Textual's driver; where there is none
(tests, a browser) nothing is ever behind.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Any, Final, NoReturn

from textual.app import App

HANG_UP: Final = 129
"""Exit code of a program whose terminal went away, as a shell tells it: 128 and the number of SIGHUP."""


def is_behind(app: App[Any]) -> bool:
    """Whether something is still on its way to the terminal."""
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    size = getattr(queue, "qsize", None)
    return bool(size is not None and size() > 0)


def is_gone() -> bool:
    """Whether the terminal was closed under us. Textual reads on for ever then, and a signal need not come."""
    watched = select.poll()
    try:
        watched.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0, 0)
        return any(told & (select.POLLHUP | select.POLLNVAL) for _, told in watched.poll(0))
    except (OSError, ValueError):
        # Not a file at all: tests and programs that hold us.
        return False


def hang_up() -> NoReturn:
    """Ends the process at once. Leaving in order would wait for ever for a terminal that takes nothing any more."""
    os._exit(HANG_UP)
