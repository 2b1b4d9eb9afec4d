"""When failures become an incident, and to which open incident a failure belongs.

Failures have a key: the rules that broke, or the stage and its error. Failures with one key are of one cause; keys
that share a broken rule are too, while their incident is open. This module counts and remembers; it writes nothing.
The intake asks it, the healer tells it how incidents move.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from cta_core.incident import Incident, State
from cta_core.quarantine import HeldBreach, HeldReason

WINDOW_SECONDS: Final = 600.0
"""Failures of one kind count together for ten minutes: a stream with one event a minute still opens an incident after
five of them, and a stray failure a day never adds up."""

KEY_LIMIT: Final = 64
"""Parts of a key that are kept: enough to tell causes apart, and a hostile event cannot make keys without bound."""

PATH_LIMIT: Final = 200
"""Characters of a path inside a key, for the same reason."""


def gate_key(reason: HeldReason, breaches: Sequence[HeldBreach]) -> str:
    """The key of a failure at the gate."""
    if reason is not HeldReason.CONTRACT:
        return f"gate {reason.lower()}"
    return _gate_key(tuple([(breach.path[:PATH_LIMIT], breach.rule) for breach in breaches]))


@lru_cache(maxsize=128)  # the events of a batch mostly fail alike
def _gate_key(broken: tuple[tuple[str, str], ...]) -> str:
    parts = sorted({f"{_general(path)} {rule}" for path, rule in broken})
    return "gate " + "; ".join(parts[:KEY_LIMIT])


def adapter_key(adapter_id: str, key: str) -> str:
    """The key of a failure on an event that an adapter is for."""
    return f"adapter {adapter_id} {key}"


def stage_key(stage: str, error_type: str) -> str:
    """The key of a failure in a consumer's stage."""
    return f"stage {stage} {error_type}"


def _general(path: str) -> str:
    """The path with array members as `*`, so that the third item fails like the first."""
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))


def _rules(key: str) -> frozenset[str]:
    kind, _, rest = key.partition(" ")
    return frozenset(f"{kind} {part}" for part in rest.split("; "))


class Detector:
    """Counts failures and knows the open incidents."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, Incident]] = {}
        self._seen: dict[tuple[str, str], deque[float]] = {}
        self._opening: set[tuple[str, str]] = set()

    def changed(self, incident: Incident) -> None:
        """The incident is new or moved."""
        known = self._open.setdefault(incident.stream_id, {})
        if incident.state is State.RESOLVED:
            known.pop(incident.incident_id, None)
        else:
            known[incident.incident_id] = incident
        for key in incident.failure_keys:
            self._opening.discard((incident.stream_id, key))

    def forget(self, stream_id: str) -> None:
        """The stream is deleted."""
        self._open.pop(stream_id, None)
        for table in (self._seen, self._opening):
            for entry in [entry for entry in table if entry[0] == stream_id]:
                table.pop(entry) if isinstance(table, dict) else table.discard(entry)

    def open_incidents(self, stream_id: str = "") -> list[Incident]:
        """Those of one stream, or all."""
        if stream_id:
            return list(self._open.get(stream_id, {}).values())
        return [incident for known in self._open.values() for incident in known.values()]

    def incident_for(self, stream_id: str, key: str) -> str:
        """The open incident that a failure with this key belongs to; empty if there is none.

        A promoted incident takes only what its own adapter refused: other failures are news.
        """
        rules = _rules(key)
        for incident in self._open.get(stream_id, {}).values():
            if incident.adapter_id and key.startswith(f"adapter {incident.adapter_id} "):
                return incident.incident_id
            if incident.state is State.PROMOTED:
                continue
            if key in incident.failure_keys or any(rules & _rules(known) for known in incident.failure_keys):
                return incident.incident_id
        return ""

    def count(self, stream_id: str, keys: Iterable[str], now: float, open_after: int) -> list[str]:
        """Counts failures that belong to no incident; returns the keys that must open one now, each once."""
        due: list[str] = []
        for key in keys:
            entry = (stream_id, key)
            times = self._seen.get(entry)
            if times is None or times.maxlen != open_after:
                times = self._seen[entry] = deque(times or (), maxlen=open_after)
            times.append(now)
            if len(times) == open_after and times[0] >= now - WINDOW_SECONDS and entry not in self._opening:
                self._opening.add(entry)
                del self._seen[entry]
                due.append(key)
        if len(self._seen) > 10_000:  # keys that never became incidents: forget those whose window is over
            self._seen = {entry: times for entry, times in self._seen.items() if times[-1] >= now - WINDOW_SECONDS}
        return due
