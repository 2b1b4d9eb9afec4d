"""Processes that write to a store until somebody kills them, one after the other.

Started as a program it reads lines `journal PATH NOTES SEED` or `archive ...`, forks a victim for each and answers with
its process id and, once it is dead, with the signal that killed it. It is a program of its own because a test process
may have threads, and forking is for processes without.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec

from cta_core.incident import State
from cta_core.machine import AdapterChange, AdapterState, Effect, EffectKind
from cta_server.runtime.ports import PendingEffect
from cta_server.store import SqliteJournal, open_archive, open_journal
from helpers.stores import adapter, decision, delivery, held, incident, recorded, transition

BLOCK = 1300
"""Events of one append; more than two blocks, so that a torn append would show."""

Note = Callable[[str], object]
"""Writes down what the store answered."""


def work_on_journal(path: Path, seed: int, note: Note) -> None:
    """Holds, opens, moves and delivers for ever. An incident has one adapter, which is active while it is PROMOTED."""
    chance = random.Random(seed)
    journal = open_journal(path)
    pending = {effect.incident_id: effect for effect in journal.pending_effects()}
    for number in count(seed * 1_000_000):
        match chance.randrange(5):
            case 0 | 1:
                size = chance.randrange(1, 60)
                ids = [f"{number}-{index}-{size}" for index in range(size)]
                batch = [held(event_id, key=chance.choice("abc"), raw=b"x" * 300) for event_id in ids]
                journal.hold(batch, request_id=f"batch-{number}", digest=str(size))
                note(f"hold {number} {size}")
            case 2:
                effect = open_incident(journal, f"inc_{number:016d}", chance.choice("abc"))
                pending[effect.incident_id] = effect
                note(f"open {effect.incident_id}")
            case 3 if pending:
                effect = move_incident(journal, pending[chance.choice(list(pending))])
                pending[effect.incident_id] = effect
                note(f"move {effect.incident_id} {effect.transition}")
            case _:
                events = journal.list_held(limit=chance.randrange(1, 40))
                journal.deliver([delivery(e.event_id, raw=b"healed " + e.event_id.encode()) for e in events])
                note(" ".join(["deliver", *(event.event_id for event in events)]))


def open_incident(journal: SqliteJournal, incident_id: str, key: str) -> PendingEffect:
    """Opens an incident with its adapter."""
    committed = journal.commit(
        transition(
            incident(incident_id, state=State.CANARY),
            new_adapters=(adapter(f"adp_{incident_id}", state=AdapterState.CANARY),),
            effects=(Effect(kind=EffectKind.CANARY),),
            decisions=(decision("open", incident_id=incident_id),),
            adopt_keys=(key,),
            request_id=f"open-{incident_id}",
        )
    )
    return committed.effects[0]


def move_incident(journal: SqliteJournal, effect: PendingEffect) -> PendingEffect:
    """Turns an incident and its adapter from CANARY to PROMOTED, or back."""
    before = journal.get_incident(effect.incident_id)
    assert before is not None
    promoted = before.state is not State.PROMOTED
    after = msgspec.structs.replace(
        before, state=State.PROMOTED if promoted else State.CANARY, attempt=before.attempt + 1
    )
    state = AdapterState.ACTIVE if promoted else AdapterState.CANARY
    committed = journal.commit(
        transition(
            after,
            adapters=(AdapterChange(adapter_id=f"adp_{before.incident_id}", state=state),),
            effects=(Effect(kind=EffectKind.BAKE),),
            decisions=(decision("move", incident_id=before.incident_id),),
            done=effect,
        )
    )
    return committed.effects[0]


def work_on_archive(path: Path, seed: int, note: Note) -> None:
    """Appends for ever."""
    chance = random.Random(seed)
    archive = open_archive(path)
    events = [recorded(f"e{index}") for index in range(BLOCK)]
    while True:
        archive.append_events("orders", events)
        note("append")
        if chance.random() < 0.2:
            archive.trim_events("orders", keep=BLOCK * 3)


WORK = {"journal": work_on_journal, "archive": work_on_archive}


def be_killed(name: str, path: str, notes: str, seed: str) -> None:
    """Works until it is killed."""
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    WORK[name](Path(path), int(seed), lambda text: os.write(file, f"{text}\n".encode()))


def main() -> None:
    """Forks a victim for each line."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                be_killed(*line.split())
            finally:
                os._exit(1)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    main()
