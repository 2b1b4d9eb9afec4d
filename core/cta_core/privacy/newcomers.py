"""Members that are new in drifted events: which of them may hold what a masked field held.

Where a masked field is missing, a new member may have its values, a part of them, or have them inside; where it is
there, a member may repeat it. Whatever cannot be ruled out counts as yes. Called by the study of masked events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from cta_core.contract import Contract
from cta_core.path import Parts, leaves, parse, values
from cta_core.privacy.mask import Mask, Method, covers

MISSING: Final = 0.95
"""A masked field is missing when it is rarer than this share of its healthy rate. Too high a share only puts more new
members in disguise, which asks a person more often."""

LEAST_COPY: Final = 4
"""Characters of a masked value from which a text that has it inside counts as its copy; shorter ones are in many."""

Extent = tuple[int, int]
"""Digits and letters of a value."""


class Seen:
    """The leaves of some events: their values, and how many events have each."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self.values: dict[str, list[Any]] = {}
        self.rates: Counter[str] = Counter()
        self.count = 0
        for event in events:
            self.count += 1
            found: set[str] = set()
            for path, value in leaves(event):
                self.values.setdefault(path, []).append(value)
                found.add(path)
            self.rates.update(found)

    def rate(self, path: Parts) -> float:
        """Share of events that have the field, or at least one below it."""
        most = max((rate for name, rate in self.rates.items() if covers(path, parse(name))), default=0)
        return most / self.count if self.count else 0.0

    def below(self, path: Parts) -> list[Any]:
        """The values at and below a field."""
        return [value for name, found in self.values.items() if covers(path, parse(name)) for value in found]


def revealed(
    fresh: set[str], here: Seen, there: Seen, masks: Sequence[Mask], contract: Contract, events: Sequence[Any]
) -> set[str]:
    """New members that surely hold nothing that a masked field held."""
    lost = [mask for mask in masks if _is_missing(mask, here, there, contract)]
    if any(mask.method is Method.DROP for mask in lost):
        return set()  # nothing is known of its values, so any new member may have them
    lost_extents = [[_extent(value) for value in there.below(parse(mask.path))] for mask in lost]
    secrets = [
        [text.lower() for mask in masks for value in values(event, parse(mask.path)) for text in _texts(value)]
        for event in events
    ]
    return {
        path
        for path in fresh
        if not any(_may_hold(here.values[path], extents) for extents in lost_extents)
        and not _copies(path, events, secrets)
    }


def _is_missing(mask: Mask, here: Seen, there: Seen, contract: Contract) -> bool:
    parts = parse(mask.path)
    rate = here.rate(parts)
    if mask.method is Method.HASH:
        return rate < MISSING * there.rate(parts)
    required = any(field.required and covers(parts, parse(field.path)) for field in contract.fields())
    return rate < MISSING if required else rate == 0.0


def _may_hold(found: Sequence[Any], extents: Sequence[Extent]) -> bool:
    """Whether any of the values can be a masked one, a part of one, or can have one inside."""
    most = (max((d for d, _ in extents), default=0), max((letters for _, letters in extents), default=0))
    least = (min((d for d, _ in extents), default=0), min((letters for _, letters in extents), default=0))
    for value in found:
        digits, letters = _extent(value)
        if digits + letters == 0:
            continue
        if digits <= most[0] and letters <= most[1]:
            return True
        if sum(least) > 0 and digits >= least[0] and letters >= least[1]:
            return True
    return False


def _extent(value: Any) -> Extent:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return 0, 0
    text = value if isinstance(value, str) else repr(value)
    return sum(letter.isdigit() for letter in text), sum(letter.isalpha() for letter in text)


def _copies(path: str, events: Sequence[Any], secrets: Sequence[Sequence[str]]) -> bool:
    """Whether a new member repeats a masked value of its event."""
    parts = parse(path)
    for event, known in zip(events, secrets, strict=True):
        for value in values(event, parts):
            for text in _texts(value):
                low = text.lower()
                if any(low == secret or (len(secret) >= LEAST_COPY and secret in low) or
                       (len(low) >= LEAST_COPY and low in secret) for secret in known):  # fmt: skip
                    return True
    return False


def _texts(value: Any) -> Iterator[str]:
    """The scalars of a value as text; truth values and null say nothing."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield repr(value)
    elif isinstance(value, (dict, list)):
        for _, leaf in leaves(value):
            if not isinstance(leaf, (dict, list)):
                yield from _texts(leaf)


def is_masked(path: str, masks: Sequence[Mask]) -> bool:
    """Whether a leaf is a masked field, or lies below one."""
    parts = parse(path)
    return any(covers(parse(mask.path), parts) for mask in masks)
