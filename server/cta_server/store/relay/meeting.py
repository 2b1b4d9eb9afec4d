"""The first time that this file and a database of ClickHouse meet: what the database had before is respected.

It decides nothing that lasts: positions go on behind those that are there, and signatures that are only there are taken
over, once, since the loop looks for them here. Cut off, it is begun again. The drainer calls it.
"""

from __future__ import annotations

from typing import Final

from cta_server.store.archive import SqliteArchive
from cta_server.store.clickhouse import ClickHouseArchive
from cta_server.store.relay.capture import DEAF, FRESH, HEARING, KNOWN, PLACED
from cta_server.store.relay.outbox import Outbox

PAGE: Final = 500
"""Signatures that are taken over at once."""


def meet(near: SqliteArchive, outbox: Outbox, far: ClickHouseArchive) -> None:
    """Settles what is not settled; nothing, where they know each other. Raises `StoreError`."""
    state = outbox.met
    if state == FRESH:
        outbox.place(far.last_positions())
        state = PLACED
    if state == PLACED:
        gone = outbox.pending().signatures
        before = ""
        while page := far.list_signatures(before=before, limit=PAGE):
            taken = [each for each in page if each.signature_id not in gone]
            near.adopt_signatures(taken, silently=DEAF, loudly=HEARING)
            before = page[-1].signature_id
        outbox.meet(KNOWN)
