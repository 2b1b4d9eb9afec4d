"""Named points of the loop at which a test may end the process, to prove that a kill there loses nothing.

In production every call is one look at a variable. `CTA_FAULT_POINT=name` ends the process by SIGKILL at the first
time the point is reached, `name:3` at the third. A test fails when a declared point is never reached.
"""

from __future__ import annotations

import os
import signal
from typing import Final

POINTS: Final = (
    "intake.before_hold",
    "intake.after_hold",
    "healer.before_commit",
    "healer.after_commit",
    "healer.before_effect",
    "healer.after_effect",
    "canary.replayed",
    "redrive.before_deliver",
    "redrive.after_deliver",
)
TRACE_POINTS: Final = (
    "traces.after_pieces",
    "traces.before_run",
    "traces.after_run",
)
"""Points on the way from spans to runs, which the loop's own story never passes."""

NOTIFY_POINTS: Final = ("notify.after_send",)
"""Points on the way from notices to webhooks, which only a server that has some passes."""
ALL_POINTS: Final = (*POINTS, *TRACE_POINTS, *NOTIFY_POINTS)

_name, _, _count = os.environ.get("CTA_FAULT_POINT", "").partition(":")
_left = [int(_count or 1)]

if _name and _name not in ALL_POINTS:
    raise ValueError(f"CTA_FAULT_POINT names {_name!r}; known are {', '.join(ALL_POINTS)}")


def hit(point: str) -> None:
    """Ends the process if the environment asks for it at this point."""
    if point != _name:
        return
    _left[0] -= 1
    if _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
