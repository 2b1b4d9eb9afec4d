"""Incidents in the journal: a step of the machine is written with everything that follows from it, or not at all.

A transition keeps the machine's input and the state after; its effects stand in an outbox until their outcome is
written. It decides what is stale or known already; what follows an input is for `cta_core.machine`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from cta_core.incident import Incident, State
from cta_core.machine import Effect
from cta_core.notice import of_incident
from cta_server.runtime.ports import Committed, PendingEffect, StaleRevision, Transition
from cta_server.store.journal import adapters, decisions, notices, quarantine
from cta_server.store.journal.counters import current_revision, next_revision
from cta_server.store.journal.requests import Scope, answered, remember
from cta_server.store.part import Part
from cta_server.store.query import Query


class Incidents(Part):
    """Incidents, transitions and effects of the journal."""

    def commit(self, transition: Transition) -> Committed:
        """Writes a step of the machine. Raises `StaleRevision` when the incident moved in between.

        A second transition with a known `request_id`, or with the outcome of an effect that is finished, writes nothing
        and returns the incident as it is, with no effects.
        """
        step = transition.incident
        with self._file.write() as conn:
            known = answered(conn, Scope.TRANSITION, transition.request_id)
            if known is None and transition.done is not None and not _finish(conn, transition.done):
                known = step.incident_id
            if known is not None and (there := _find(conn, known)) is not None:
                return Committed(revision=current_revision(conn), incident=there)
            before = _find(conn, step.incident_id)
            actual = before.revision if before else 0
            if actual != step.revision:
                raise StaleRevision(step.revision, actual)
            changed = [adapters.insert(conn, adapter) for adapter in transition.new_adapters]
            changed += adapters.change(conn, transition.adapters, time=step.update_time)
            latest = {adapter.adapter_id: adapter for adapter in changed}  # a new one may change at once
            # The incident takes its revision last: who sees the incident has seen the adapters that it speaks of.
            incident = msgspec.structs.replace(step, revision=next_revision(conn))
            _put(conn, incident)
            notices.append(conn, of_incident(incident, len(before.marks) if before else 0))
            effects = _append(conn, incident, transition)
            decisions.record(conn, transition.decisions)
            adopted = quarantine.adopt(conn, incident.stream_id, transition.adopt_keys, incident.incident_id)
            remember(conn, Scope.TRANSITION, transition.request_id, incident.incident_id)
        return Committed(
            revision=incident.revision,
            incident=incident,
            adapters=tuple(latest.values()),
            effects=effects,
            adopted=adopted,
        )

    def moved_by(self, request_id: str) -> str:
        """The incident that a verb's request moved, empty for a request that moved none."""
        with self._file.read() as conn:
            return answered(conn, Scope.TRANSITION, request_id) or ""

    def get_incident(self, incident_id: str) -> Incident | None:
        """The incident, None if there is none."""
        with self._file.read() as conn:
            return _find(conn, incident_id)

    def list_incidents(
        self, *, stream_id: str = "", states: Sequence[State] = (), before: str = "", limit: int = 50
    ) -> list[Incident]:
        """By id, descending (ids sort by time)."""
        query = Query("SELECT body FROM incidents").equal("stream_id", stream_id).any_of("state", states)
        if before:
            query.where("incident_id < ?", before)
        with self._file.read() as conn:
            return [_incident(row) for row in query.rows(conn, order="incident_id DESC", limit=limit)]

    def incidents_since(self, revision: int, *, stream_ids: Sequence[str] = ()) -> list[Incident]:
        """Changed after `revision`, by revision."""
        # The plus keeps SQLite to the index of revisions: few rows are newer, while a stream may have many.
        query = Query("SELECT body FROM incidents").where("revision > ?", revision).any_of("+stream_id", stream_ids)
        with self._file.read() as conn:
            return [_incident(row) for row in query.rows(conn, order="revision")]

    def pending_effects(self) -> list[PendingEffect]:
        """All that are not finished, by incident and transition."""
        with self._file.read() as conn:
            rows = conn.execute(
                """SELECT incident_id, transition, number, body FROM effects WHERE finished = 0
                    ORDER BY incident_id, transition, number"""
            ).fetchall()
        return [
            PendingEffect(
                incident_id=incident_id,
                transition=transition,
                number=number,
                effect=msgspec.json.decode(body, type=Effect),
            )
            for incident_id, transition, number, body in rows
        ]

    def finish(self, effect: PendingEffect) -> None:
        """Marks an effect as finished that has no transition of its own (REDRIVE, LEARN, BLAME).

        A second call does nothing.
        """
        with self._file.write() as conn:
            _finish(conn, effect)


def _find(conn: sqlite3.Connection, incident_id: str) -> Incident | None:
    row = conn.execute("SELECT body FROM incidents WHERE incident_id = ?", (incident_id,)).fetchone()
    return _incident(row) if row else None


def _incident(row: tuple[str, ...]) -> Incident:
    return msgspec.json.decode(row[0], type=Incident)


def _put(conn: sqlite3.Connection, incident: Incident) -> None:
    # An upsert, not a replacement: replacing would delete the row, and with it the incident's transitions.
    conn.execute(
        """INSERT INTO incidents (incident_id, revision, body) VALUES (?, ?, ?)
            ON CONFLICT (incident_id) DO UPDATE SET revision = excluded.revision, body = excluded.body""",
        (incident.incident_id, incident.revision, msgspec.json.encode(incident).decode()),
    )


def _append(conn: sqlite3.Connection, incident: Incident, transition: Transition) -> tuple[PendingEffect, ...]:
    """Writes the transition and its effects."""
    row = conn.execute(
        "SELECT coalesce(max(number), 0) + 1 FROM transitions WHERE incident_id = ?", (incident.incident_id,)
    ).fetchone()
    number = int(row[0])
    conn.execute(
        "INSERT INTO transitions VALUES (?, ?, ?, ?, ?, ?)",
        (
            incident.incident_id,
            number,
            incident.revision,
            incident.update_time,
            incident.state,
            transition.input.decode(),
        ),
    )
    effects = tuple(
        PendingEffect(incident_id=incident.incident_id, transition=number, number=index, effect=effect)
        for index, effect in enumerate(transition.effects)
    )
    conn.executemany(
        "INSERT INTO effects (incident_id, transition, number, body) VALUES (?, ?, ?, ?)",
        [(e.incident_id, e.transition, e.number, msgspec.json.encode(e.effect).decode()) for e in effects],
    )
    return effects


def _finish(conn: sqlite3.Connection, effect: PendingEffect) -> bool:
    """Finishes an effect; inside a transaction. False if it was finished before, or is not there."""
    return (
        conn.execute(
            "UPDATE effects SET finished = 1 WHERE incident_id = ? AND transition = ? AND number = ? AND finished = 0",
            (effect.incident_id, effect.transition, effect.number),
        ).rowcount
        == 1
    )
