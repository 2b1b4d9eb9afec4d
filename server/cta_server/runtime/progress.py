"""How far running canaries and redrives are, for those who watch: in memory, and gone with the process.

What counts is in journal and archive; this board only saves a watcher the polling.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cta_core.canary import Canary
from cta_server.runtime.hub import Mark
from cta_server.runtime.redriver import Redriven

KEPT: Final = 256
"""Incidents remembered: more than anybody watches at once."""


class Standing(msgspec.Struct):
    """What is known of one incident's work."""

    canary: Canary | None = None
    redriven: Redriven | None = None
    redrive_finished: bool = False


class Progress:
    """The board."""

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}
        self.changes = Mark()
        """Grows with every change of any incident's standing."""

    def of(self, incident_id: str) -> Standing:
        """What is known now."""
        return self._standings.get(incident_id) or Standing()

    def canary(self, incident_id: str, canary: Canary) -> None:
        """A canary proceeded."""
        self._standing(incident_id).canary = canary
        self.changes.raise_to(self.changes.value + 1)

    def redriven(self, incident_id: str, redriven: Redriven, *, finished: bool = False) -> None:
        """A redrive proceeded."""
        standing = self._standing(incident_id)
        standing.redriven, standing.redrive_finished = redriven, finished
        self.changes.raise_to(self.changes.value + 1)

    def _standing(self, incident_id: str) -> Standing:
        if incident_id not in self._standings and len(self._standings) >= KEPT:
            self._standings.pop(next(iter(self._standings)))
        return self._standings.setdefault(incident_id, Standing())
