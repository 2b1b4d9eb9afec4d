"""Merging of signatures: several that a person takes for one incident share their standing from then on.

A merged signature keeps its key, its looks and its program, which is written for its own fields, so that it is found
as before. Its counts and refusals move to the one it was merged into, which judges for both. Only signatures that heal
alike can be merged: else the trust that one fix has earned would pass to another. Data in, data out; `runtime.memory`
stores it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from cta_core.memory import Refusal, SignatureRecord
from cta_core.rebind import rebind

MAX_MERGED: Final = 100
"""Signatures that one may stand for: their ids are kept in it, and a person looks them over."""


def heals_alike(one: SignatureRecord, other: SignatureRecord) -> bool:
    """Is it the same fix, be it written for the fields of another stream?"""
    if one.program == other.program:
        return True
    # From either side: a look that saw one more field refuses one direction only.
    return (
        one.program.steps in _written(other, one)
        or other.program.steps in _written(one, other)
    )  # fmt: skip


def merge(target: SignatureRecord, others: Sequence[SignatureRecord]) -> SignatureRecord:
    """The target with what the others have earned; those that are in it already count once.

    Args:
        target: The one that stays.
        others: Those that go into it; what was merged into them comes along.
    """
    new = [each for each in others if each.signature_id not in target.merged]
    refusals = _together([*target.refusals, *(refusal for each in new for refusal in each.refusals)])
    counted = [*target.counted, *(mark for each in new for mark in each.counted)]
    return msgspec.structs.replace(
        target,
        hits=target.hits + sum(each.hits for each in new),
        confirmed=target.confirmed + sum(each.confirmed for each in new),
        refused=target.refused + sum(each.refused for each in new),
        refused_why=next((each.refused_why for each in (target, *new) if each.refused_why), ""),
        refusals=refusals,
        counted=tuple(dict.fromkeys(counted)),
        merged=(*target.merged, *(known for each in new for known in (each.signature_id, *each.merged))),
    )


def give_way(other: SignatureRecord, target_id: str) -> SignatureRecord:
    """A signature after it was merged into the target: found as before, without a standing of its own."""
    return msgspec.structs.replace(
        other, merged_into=target_id, merged=(), hits=0, confirmed=0, refused=0, refused_why="", refusals=(), counted=()
    )


def standing_of(other: SignatureRecord, target: SignatureRecord) -> SignatureRecord:
    """The target as it is met through a signature that was merged into it: its standing, the other's program."""
    return msgspec.structs.replace(
        target,
        fingerprint=other.fingerprint,
        stream_id=other.stream_id,
        program=other.program,
        traits=other.traits,
        embedding=other.embedding,
    )


def _written(source: SignatureRecord, place: SignatureRecord) -> list[object]:
    """The steps of one fix, written for the fields of another, in every way that fits."""
    return [program.steps for program in rebind(source.program, source.traits, place.traits)]


def _together(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """One refusal a stream, counts added, with the latest reason that was given."""
    found: dict[str, Refusal] = {}
    for each in refusals:
        known = found.get(each.stream_id)
        count = each.count + (known.count if known else 0)
        found[each.stream_id] = msgspec.structs.replace(each, count=count)
    return tuple(found.values())
