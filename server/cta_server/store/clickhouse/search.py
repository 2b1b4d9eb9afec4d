"""The signatures most like a vector, found by ClickHouse in two reads: rounded vectors of all, exact ones of a few.

The first read is bound by its bytes, so it goes over vectors rounded to a byte a number, and over every version that is
there: FINAL costs several times the scan wherever signatures were counted since the last merge. What it says of a
signature is a likeness and how far that may be off. The second read takes the newest versions of those that may belong
to the answer, and their exact cosines decide. `Signatures` calls it; the columns are `schema`'s.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from cta_server.store.clickhouse.engine import Engine
from cta_server.store.nearest import Vector, unit

WINDOW: Final = 64
"""Rows that the first read brings beyond eight for each signature wanted: room for those within the error of the last
one, and for older versions. Where still more look alike, any of them serves; where older versions left the answer
short or too far, it is read again, wider."""

DEVIATIONS: Final = 6.0 / math.sqrt(12.0)
"""How far a likeness may be off, in roundings of its vector: six deviations. A number is off by half a rounding or
less, evenly spread, so its deviation is one by the square root of 12; weighted by a unit vector, the sum's is that."""

# Blocks stay in memory as they were read: a server has the room by default, the embedded engine is given it
# (`wire.CACHE_BYTES`), without it a search takes a third longer. Each thread takes 8192 rows or more: by default one
# thread would read a part of 160,000 rows alone.
_FIRST: Final = """
SELECT signature_id, dotProduct(rounded, {wanted:Array(Float32)}) * rounding AS near, rounding
FROM signatures WHERE length(rounded) = {length:UInt64}
ORDER BY near DESC, signature_id DESC LIMIT {window:UInt64}
SETTINGS use_uncompressed_cache = 1,
    merge_tree_min_rows_for_concurrent_read = 8192, merge_tree_min_bytes_for_concurrent_read = 0"""

# The newest version is chosen by us: FINAL, or LIMIT BY, takes half as long again. One thread is as quick as two.
_SECOND: Final = """
SELECT signature_id, version, retired OR deleted, body, embedding
FROM signatures WHERE signature_id IN {ids:Array(String)}
SETTINGS use_uncompressed_cache = 1, max_threads = 1"""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A signature as it is kept, and how alike it is."""

    signature_id: str
    body: str
    embedding: Sequence[float]
    likeness: float
    """Cosine, from -1 to 1."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the first read says of a signature."""

    signature_id: str
    near: float
    """Cosine of its rounded vector."""
    rounding: float
    """What its numbers were rounded to."""

    @property
    def most(self) -> float:
        """The greatest likeness that it may have."""
        return self.near + DEVIATIONS * self.rounding

    @property
    def least(self) -> float:
        """The smallest one."""
        return self.near - DEVIATIONS * self.rounding


def nearest(engine: Engine, embedding: Sequence[float], limit: int) -> list[Hit]:
    """The most alike that are neither retired nor deleted, greatest cosine first, among equals the newest id first.

    Those without an embedding, or with one of another length, are left out. Raises `StoreError`.
    """
    wanted = unit(np.asarray(embedding, dtype=np.float32))
    if wanted is None or limit < 1:
        return []
    window = WINDOW + 8 * limit
    while True:
        rows = engine.rows(_FIRST, {"wanted": wanted.tolist(), "length": len(wanted), "window": window})
        looks = _distinct(rows)
        few = promising(looks, limit)
        hits = _exact(engine, wanted, few)
        if not settled(hits, limit, looks, few):
            hits = _exact(engine, wanted, looks)
        # Those beyond the window are no nearer than its last row.
        if len(rows) < window or (len(hits) >= limit and hits[limit - 1].likeness >= looks[-1].least):
            return hits[:limit]
        window *= 4


def promising(looks: Sequence[Look], limit: int) -> list[Look]:
    """Those that may be among the first `limit`; of some that look the same, as many as are wanted, the newest."""
    ranked = sorted((look.least for look in looks), reverse=True)
    bound = ranked[limit - 1] if len(ranked) >= limit else -math.inf
    alike: Counter[tuple[float, float]] = Counter()
    chosen: list[Look] = []
    for look in looks:
        same = (look.near, look.rounding)
        if look.most >= bound and alike[same] < limit:
            alike[same] += 1
            chosen.append(look)
    return chosen


def settled(hits: Sequence[Hit], limit: int, looks: Sequence[Look], chosen: Sequence[Look]) -> bool:
    """Whether no other look can belong to the answer: some of those chosen may be retired by now, or look otherwise."""
    if len(hits) < limit:
        return len(chosen) == len(looks)
    last = hits[limit - 1]
    taken = {look.signature_id: look for look in chosen}
    same = taken[last.signature_id]
    return all(
        look.signature_id in taken
        or look.most < last.likeness
        or (look.near, look.rounding) == (same.near, same.rounding)
        for look in looks
    )


def _distinct(rows: Sequence[Any]) -> list[Look]:
    """One look for each id, the nearest of its versions."""
    looks: dict[str, Look] = {}
    for signature_id, near, rounding in rows:
        looks.setdefault(signature_id, Look(signature_id=signature_id, near=near, rounding=rounding))
    return list(looks.values())


def _exact(engine: Engine, wanted: Vector, looks: Sequence[Look]) -> list[Hit]:
    """The newest versions of these, most alike first."""
    newest: dict[str, Any] = {}
    for row in engine.rows(_SECOND, {"ids": [look.signature_id for look in looks]}) if looks else ():
        if row[0] not in newest or newest[row[0]][1] < row[1]:
            newest[row[0]] = row
    hits: list[Hit] = []
    for signature_id, _version, gone, body, embedding in newest.values():
        vector = None if gone or len(embedding) != len(wanted) else unit(np.asarray(embedding, dtype=np.float32))
        if vector is not None:
            likeness = max(-1.0, min(1.0, float(vector @ wanted)))
            hits.append(Hit(signature_id=signature_id, body=body, embedding=embedding, likeness=likeness))
    return sorted(hits, key=lambda hit: (hit.likeness, hit.signature_id), reverse=True)
