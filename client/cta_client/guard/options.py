"""What a guard may do, decided by the consumer's author: where it keeps its files, and what holds while the server is
away. Values only; the desk and the link obey them.
"""

from __future__ import annotations

import socket
from enum import StrEnum
from pathlib import Path

import msgspec


class Away(StrEnum):
    """What happens to events while the server is away."""

    PASS = "PASS"  # noqa: S105 - a policy
    """Goes on with the last good contract and adapters: what they accept is handled, what they do not is held."""
    HOLD = "HOLD"
    """Holds every event until the server is back."""


class GuardOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a guard behaves."""

    worker_id: str = ""
    """Names this consumer to the server, stable over restarts, one process each. Empty: the host's name and the
    stream."""
    version: str = ""
    """Version of the consumer's code, told with the canaries that run in it; the server asks the version that most
    workers run. Empty: none is told."""
    folder: Path = Path("~/.local/state/cta-act")
    """Where the spool and the last good picture are kept. It has to outlive the process, or held events that were not
    sent yet are lost with it."""
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

    def worker(self, stream_id: str) -> str:
        """The worker's name."""
        return self.worker_id or f"{socket.gethostname()}-{stream_id}"[:128]

    def home(self) -> Path:
        """The folder, made if need be."""
        folder = self.folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
