"""Who may call now: the token, the server's phase, and how many calls of a kind may be open at once.

It decides before a request is even parsed. Health and reflection never come here. Called by the interceptor.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Final

from cta_server.config import LimitSettings
from cta_server.rpc.refusals import TooManyCalls, Unauthenticated
from cta_server.runtime.errors import Unavailable

GROUPS: Final = {
    "ProcessEvents": "batches",
    "ReportFailures": "batches",
    "Diagnose": "analyses",
    "AnalyzeIncident": "analyses",
    "Export": "exports",
    "TestAdapter": "trials",
    "LearnBaseline": "trials",
    "RunCanary": "canaries",
    "OfferCanaries": "offers",
    "ApplyFix": "fixes",
    "WatchEvents": "watches",
    "WatchAdapters": "watches",
    "WatchIncidents": "watches",
    "WatchRun": "watches",
    "WatchSource": "watches",
    "WatchStats": "watches",
}
"""The limit that counts for an RPC; the others answer in a moment and need none."""

ALWAYS: Final = frozenset({"GetServerInfo"})
"""Answered while the server recovers: it tells what the server is, and touches no store."""


class Admission:
    """Lets calls in."""

    def __init__(
        self, limits: LimitSettings, token: str, *, ready: Callable[[], bool], draining: Callable[[], bool]
    ) -> None:
        self._limits = {key: getattr(limits, key) for key in limits.__struct_fields__}
        self._token = f"Bearer {token}".encode() if token else b""
        self._ready, self._draining = ready, draining
        self._open: Counter[str] = Counter()

    def check(self, name: str, metadata: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Raises `Unauthenticated` or `Unavailable` for a call that may not begin."""
        if self._token:
            given = next((value for key, value in metadata or () if key == "authorization"), "")
            if not hmac.compare_digest(self._token, given if isinstance(given, bytes) else given.encode()):
                raise Unauthenticated
        if self._draining():
            raise Unavailable(draining=True)
        if not self._ready() and name not in ALWAYS:
            raise Unavailable(draining=False)

    @contextmanager
    def slot(self, name: str) -> Generator[None]:
        """Counts the call while it is open. Raises `TooManyCalls`."""
        key = GROUPS.get(name)
        if key is None:
            yield
            return
        if self._open[key] >= self._limits[key]:
            raise TooManyCalls(key, self._limits[key])
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
