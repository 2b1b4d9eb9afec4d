"""What a guard may do, decided by the consumer's author: where it keeps its files, and what holds while the server is
away. Values only, checked where they are made; the desk and the link obey them.
"""

from __future__ import annotations

import errno
import math
import socket
import threading
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

LONGEST_NAME: Final = 200
"""Characters of a worker's name and of a version, as the API has them."""
DERIVED_NAME: Final = 128
"""Characters of the name made of the host's and the stream's: with the stream's again it names a file, and those have
255 bytes."""


class InvalidOption(ValueError):
    """An option of a guard that cannot hold; it names the option and what may stand there."""


class Away(StrEnum):
    """What happens to events while the server is away."""

    PASS = "PASS"  # noqa: S105 - a policy
    """Goes on with the last good contract and adapters: what they accept is handled, what they do not is held."""
    HOLD = "HOLD"
    """Holds every event until the server is back."""


class GuardOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a guard behaves. Raises `InvalidOption`."""

    worker_id: str = ""
    """Names this consumer to the server, stable over restarts, one process each. Empty: the host's name and the
    stream."""
    version: str = ""
    """Version of the consumer's code, told with the canaries that run in it; the server asks the version that most
    workers run. Empty: none is told."""
    folder: Path = Path("~/.local/state/cta-act")
    """Where the spool and the last good picture are kept, for their owner's eyes only. It has to outlive the process,
    or held events that were not sent yet are lost with it."""
    away: Away = Away.PASS
    """What happens while the server is away."""
    heal_while_away_seconds: float = 300.0
    """How long adapters are still applied while the server is away; after it, events that they would heal are held. A
    rollback cannot reach the process in that time; five minutes bridge a restart or a deployment of the server and are
    five times the bake, in which nearly all rollbacks fall."""
    max_spooled: int = 100_000
    """Events that wait on disk for the server at most; beyond it the guard raises `SpoolFull` and the consumer has to
    wait. At 1,000 drifted events a second that is more than a minute and a half without a server."""
    start_seconds: float = 10.0
    """How long the first call waits for a contract when neither the server nor a file has one. A server that recovers
    a large store needs some seconds."""

    def __post_init__(self) -> None:
        # A struct takes what it is given, and a wrong policy would be noticed on the day the server is away.
        away, folder = self.away, self.folder
        if away not in tuple(Away):
            raise _invalid("away", " or ".join(Away), away)
        if not isinstance(folder, str | Path) or not str(folder) or "\0" in str(folder):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _invalid("folder", "a path", folder)
        # Both may come as plain text, from an environment or a file of settings.
        msgspec.structs.force_setattr(self, "away", Away(away))
        msgspec.structs.force_setattr(self, "folder", Path(folder))
        for name in ("worker_id", "version"):
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > LONGEST_NAME:
                raise _invalid(name, f"a text of {LONGEST_NAME} characters at most", text)
        for name, most in (("heal_while_away_seconds", math.inf), ("start_seconds", threading.TIMEOUT_MAX)):
            seconds = getattr(self, name)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= most:
                raise _invalid(name, "a number of seconds from 0", seconds)
        if type(self.max_spooled) is not int or self.max_spooled < 1:
            # Without room for one event the first that has to be held would stop the consumer.
            raise _invalid("max_spooled", "a whole number from 1", self.max_spooled)

    def worker(self, stream_id: str) -> str:
        """The worker's name."""
        return self.worker_id or f"{socket.gethostname()}-{stream_id}"[:DERIVED_NAME]

    def home(self) -> Path:
        """The folder, made for this user alone if need be; one that is there keeps its rights. Raises `OSError`."""
        folder = self.folder.expanduser()
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is no folder", str(folder))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def _invalid(option: str, takes: str, given: object) -> InvalidOption:
    return InvalidOption(f"GuardOptions.{option}: takes {takes}, not {repr(given)[:80]}")
