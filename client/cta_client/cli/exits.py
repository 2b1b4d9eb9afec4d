"""Exit codes of the `cta` command: what a script may rely on.

They say who has to act next. The root's help and docs/cli.md print this table; commands return a member of `Exit`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What the process ended with."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_CONNECTION = 3
    PERSON = 4
    NOT_PROVED = 5
    HELD = 6
    INTERRUPTED = 130


MEANINGS: Final[dict[Exit, str]] = {
    Exit.DONE: "done",
    Exit.REFUSED: "the server says no, or a file cannot be used; the error names reason, field and remedy",
    Exit.USAGE: "the command line is wrong",
    Exit.NO_CONNECTION: "no server answers, or not in time, or it is starting or stopping; repeating is safe",
    Exit.PERSON: "the loop stopped and waits for a person (escalated, or awaiting approval)",
    Exit.NOT_PROVED: "a canary did not pass, or a fix was rolled back; nothing was changed",
    Exit.HELD: "events are in the quarantine and --strict was given",
    Exit.INTERRUPTED: "interrupted (Ctrl-C); what the server began, it ends",
}
