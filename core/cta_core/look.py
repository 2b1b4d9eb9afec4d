"""What an incident looks like before anybody analysed it: which fields vanished, are new or changed, and of which kind.

A look is taken from profiles alone, so it costs a few milliseconds, and the same change on another stream with other
names gives nearly the same one. It holds no payload value: types, families of text, orders of magnitude, paths.
`signature` makes the exact key and the vector of likeness from it, `rebind` fits remembered programs to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from cta_core.profile import FieldProfile, Profile, value_of

SEEN = 0.05
"""Share of events from which a new path or a broken rule counts: rarer ones would come and go with the sample."""

USUAL = 0.9
"""Share of healthy events from which a field's absence counts."""

SHIFT = 0.15
"""Change of a median's decimal logarithm from which numbers are told as changed: a factor of 1.4. Healthy medians of
128 events move by a tenth; smaller factors are left to the deep analysis."""

LEAST_NUMBERS = 12
"""Numbers below which a median says nothing."""


class Place(StrEnum):
    """What became of a field."""

    GONE = "GONE"
    NEW = "NEW"
    CHANGED = "CHANGED"


class Form(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a field's values are like."""

    types: str
    """JSON types without null, joined by `+`; integers and numbers together are `number`."""
    family: str = ""
    """The usual family of its texts: `iso_datetime`, `word`, ...; empty for others."""
    size: float | None = None
    """Decimal logarithm of the median magnitude of its numbers, where that is not 0."""
    labelled: bool = False
    """Few distinct values that come again."""


class Trait(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field that is not as it was."""

    path: str
    """JSON Pointer of the leaf, `*` for array members."""
    before: Form | None = None
    """Healthy; None for a field that is new."""
    after: Form | None = None
    """Drifted; None for a field that vanished."""

    @property
    def place(self) -> Place:
        """What became of it."""
        if self.before is None:
            return Place.NEW
        return Place.GONE if self.after is None else Place.CHANGED


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an incident looks like."""

    fingerprint: str
    """Exact key, versioned."""
    embedding: tuple[float, ...] = ()
    """Unit vector of likeness, single precision."""
    traits: tuple[Trait, ...] = ()
    """The fields that are not as they were, by path."""


def traits_of(healthy: Profile, here: Profile) -> tuple[Trait, ...]:
    """The fields that vanished, are new or changed, by path."""
    return tuple(sorted(_traits(healthy, here), key=lambda trait: trait.path))


def form_of(field: FieldProfile) -> Form:
    """What the field's values are like."""
    return Form(types=types_of(field), family=_usual(field.families), size=_size(field), labelled=field.labelled)


def types_of(field: FieldProfile) -> str:
    """The field's JSON types as one word."""
    kinds = main_types(field)
    return "number" if kinds == ["integer", "number"] else "+".join(kinds)


def main_types(field: FieldProfile) -> list[str]:
    """The types that more than stray values have, without null."""
    return sorted(kind for kind, times in field.types.items() if times >= SEEN * field.present and kind != "null")


def _traits(healthy: Profile, here: Profile) -> Iterator[Trait]:
    for path, field in here.fields.items():
        was = healthy.fields.get(path)
        if was is None:
            if field.events >= SEEN * here.count:
                yield Trait(path=path, after=form_of(field))
        elif _differs(was, field):
            yield Trait(path=path, before=form_of(was), after=form_of(field))
    for path, was in healthy.fields.items():
        if healthy.rate(path) >= USUAL and path not in here.fields:
            yield Trait(path=path, before=form_of(was))


def _differs(was: FieldProfile, now: FieldProfile) -> bool:
    if set(main_types(now)) - set(was.types):
        return True
    before, after = _size(was), _size(now)
    if before is not None and after is not None and min(was.numbers, now.numbers) >= LEAST_NUMBERS:
        return abs(after - before) > SHIFT
    if was.labelled and now.labelled:
        return not set(was.values.counts) & set(now.values.counts)
    usual = _usual(now.families)
    return bool(usual and was.families and was.families.get(usual, 0) == 0)


def _usual(families: Mapping[str, int]) -> str:
    """The most frequent one; among equals the first of the alphabet, so that the order of events does not matter."""
    return min(families, key=lambda name: (-families[name], name)) if families else ""


def _size(field: FieldProfile) -> float | None:
    """Decimal logarithm of the median magnitude: signed amounts have a size too. None without numbers, or for 0."""
    sizes: dict[int, int] = {}
    for bucket, count in field.buckets.items():
        sizes[abs(bucket)] = sizes.get(abs(bucket), 0) + count
    rank, seen = (field.numbers - 1) / 2, 0
    for bucket in sorted(sizes):
        seen += sizes[bucket]
        if seen > rank:
            return round(math.log10(value_of(bucket)), 2) if bucket else None
    return None
