"""Masks as data: a field of a stream and the way in which it is hidden, and what would be wrong with a list of them.

It decides which masks can be kept to. How a value is hidden is for `disguise`, where it is hidden for `masker`. Part of
a stream; checked when a stream is created or changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET

from cta_core.contract import Contract
from cta_core.errors import InvalidPointer, Violation
from cta_core.path import Parts, parse

MAX_MASKS: Final = 1000
"""Masks of one stream: a fifth of the fields that are read of a contract."""


class Method(StrEnum):
    """How a field is hidden in what is stored and shown."""

    HASH = "HASH"
    """Its values are replaced by others of the same type and pattern; equal ones stay equal within a store."""
    DROP = "DROP"
    """It leaves the copy."""


class Mask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field that is hidden, with everything below it."""

    path: str
    """JSON Pointer, `*` for every member of an array."""
    method: Method = Method.HASH


def covers(above: Parts, below: Parts) -> bool:
    """Whether one place is the other, or lies above it."""
    return below[: len(above)] == above


def problems_of(masks: Sequence[Mask], contract: Contract | None) -> Iterator[Violation]:
    """What is wrong with the masks of a stream, by the contract in force."""
    if len(masks) > MAX_MASKS:
        yield Violation("masks", f"must have at most {MAX_MASKS} entries")
        return
    # What the contract lists is known to everybody who has the contract: a hash of it can be read back from its counts.
    listed = [
        (parse(field.path), field.path)
        for field in (contract.fields() if contract is not None else ())
        if field.const is not UNSET or field.enum is not UNSET
    ]
    seen: set[Parts] = set()
    for index, mask in enumerate(masks):
        try:
            parts = parse(mask.path)
        except InvalidPointer as error:
            yield Violation(f"masks[{index}].path", error.violations[0].remedy)
            continue
        if not parts:
            yield Violation(f"masks[{index}].path", "name a field by its JSON Pointer, /card")
            continue
        if parts in seen:
            yield Violation(f"masks[{index}].path", "is masked twice; leave one of the two")
        seen.add(parts)
        if mask.method is Method.HASH:
            for place, path in listed:
                if covers(parts, place):
                    yield Violation(
                        f"masks[{index}].method",
                        f"cannot be HASH: the contract lists the values of {path}, and a hash of so few can be read "
                        "back; use DROP",
                    )
                    break
