"""Profiles: mergeable statistics of every field of a stream, what "healthy" looks like in numbers.

A profile is built event by event or merged from others; merging is associative and commutative to the last bit,
because every part is a sum, a minimum, a maximum or the k smallest hashes. The drift monitor, the parity check of the
canary and the fingerprint of an incident read it. It keeps no event; of values only those of fields with few distinct
ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeVar

import msgspec

from cta_core.diagnosis.formats import family_of, mask_of
from cta_core.diagnosis.table import leaves_of

KEPT_VALUES = 64
"""Distinct values counted per field: the labels of every label field, a sample of the others."""

KEPT_MASKS = 32
"""Masks counted per text field."""

KEPT_HASHES = 256
"""Hashes for the estimate of distinct values: an error of about 6 % (1 / sqrt(256))."""

GAMMA = 1.02
"""Ratio of neighbouring buckets of magnitudes: quantiles are exact to 1 %, and a factor is a shift of the buckets."""

Key = TypeVar("Key", str, int)

_LOG = math.log(GAMMA)
_LONGEST = 200
"""Characters of a text that enter a profile; longer ones are told apart by their beginning."""


class Sample(msgspec.Struct):
    """Counts of the values whose hashes are the smallest: exact for few distinct values, a fair sample of many."""

    limit: int
    counts: dict[str, int] = {}
    """Count by value, written as JSON."""
    hashes: dict[str, int] = {}

    @classmethod
    def of(cls, counts: dict[str, int], hashes: dict[str, int], *, limit: int) -> Self:
        """The sample of all these values."""
        if len(counts) > limit:
            kept = set(sorted(counts, key=lambda key: (hashes[key], key))[:limit])
            counts = {key: count for key, count in counts.items() if key in kept}
            hashes = {key: hashes[key] for key in counts}
        return cls(limit=limit, counts=counts, hashes=hashes)

    def add(self, key: str) -> None:
        """Counts a value."""
        if key in self.counts:
            self.counts[key] += 1
            return
        self.insert(key, _hash(key))

    def insert(self, key: str, value: int) -> None:
        """Counts a value that is not counted yet and whose hash is known."""
        if len(self.counts) >= self.limit:
            if value > max(self.hashes.values()):
                return  # the usual case, and cheap; names decide among equal hashes only
            worst = max(self.hashes, key=lambda name: (self.hashes[name], name))
            if (value, key) > (self.hashes[worst], worst):
                return
            del self.counts[worst], self.hashes[worst]
        self.counts[key] = 1
        self.hashes[key] = value

    def merged(self, other: Sample) -> Sample:
        """Both samples together."""
        counts = dict(self.counts)
        hashes = {**self.hashes, **other.hashes}
        for key, count in other.counts.items():
            counts[key] = counts.get(key, 0) + count
        kept = sorted(counts, key=lambda key: (hashes[key], key))[: self.limit]
        return Sample(
            limit=self.limit, counts={key: counts[key] for key in kept}, hashes={key: hashes[key] for key in kept}
        )


class FieldProfile(msgspec.Struct):
    """What was seen of one field."""

    present: int = 0
    events: int = 0
    """Events in which it was there at least once."""
    types: dict[str, int] = {}
    buckets: dict[int, int] = {}
    """Numbers by magnitude: 0 for zero, +-(40000 + k) for |value| near GAMMA^k."""
    decimals: dict[int, int] = {}
    lengths: dict[int, int] = {}
    """Texts by length, above 32 in steps of 8."""
    families: dict[str, int] = {}
    masks: Sample = msgspec.field(default_factory=lambda: Sample(limit=KEPT_MASKS))
    values: Sample = msgspec.field(default_factory=lambda: Sample(limit=KEPT_VALUES))
    smallest: list[int] = []
    """The smallest hashes of distinct values, rising."""

    @classmethod
    def of(cls, values: Iterable[tuple[Any, int]], *, events: int) -> Self:
        """The profile of different values, each with how often it was seen: as if each had been added so often."""
        field = cls(events=events)
        masks: dict[str, int] = {}
        keys: dict[str, int] = {}
        for value, times in values:
            mask, key = field._read(value, times)
            if mask is not None:
                masks[mask] = masks.get(mask, 0) + times
            if key is not None:
                keys[key] = keys.get(key, 0) + times
        hashes = {key: _hash(key) for key in keys}
        field.masks = Sample.of(masks, {mask: _hash(mask) for mask in masks}, limit=KEPT_MASKS)
        field.values = Sample.of(keys, hashes, limit=KEPT_VALUES)
        field.smallest = sorted(set(hashes.values()))[:KEPT_HASHES]
        return field

    def add(self, value: Any) -> None:
        """Counts one value."""
        mask, key = self._read(value, 1)
        if mask is not None:
            self.masks.add(mask)
        if key is not None:
            self._distinct(key)

    def _read(self, value: Any, times: int) -> tuple[str | None, str | None]:
        """Counts what adds up; returns the value's mask and its key among distinct ones, where it has them."""
        self.present += times
        kind = _TYPES.get(value.__class__, "null")
        self.types[kind] = self.types.get(kind, 0) + times
        if kind in ("integer", "number"):
            number = float(value) if abs(value) < 1e300 else math.copysign(1e300, value)
            bucket = bucket_of(number)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + times
            places = 0 if kind == "integer" or number == int(number) else min(9, len(repr(number).partition(".")[2]))
            self.decimals[places] = self.decimals.get(places, 0) + times
            return None, repr(value)
        if kind == "string":
            text = value[:_LONGEST]
            length = len(value) if len(value) <= 32 else len(value) // 8 * 8
            self.lengths[length] = self.lengths.get(length, 0) + times
            family = family_of(text)
            self.families[family] = self.families.get(family, 0) + times
            return mask_of(text), '"' + text
        if kind == "boolean":
            return None, "true" if value else "false"
        return None, None

    def _distinct(self, key: str) -> None:
        if key in self.values.counts:
            self.values.counts[key] += 1
            return
        number = _hash(key)
        self.values.insert(key, number)
        if len(self.smallest) < KEPT_HASHES or number < self.smallest[-1]:
            place = _place(self.smallest, number)
            if place == len(self.smallest) or self.smallest[place] != number:
                self.smallest.insert(place, number)
                del self.smallest[KEPT_HASHES:]

    def merged(self, other: FieldProfile) -> FieldProfile:
        """Both profiles together."""
        return FieldProfile(
            present=self.present + other.present,
            events=self.events + other.events,
            types=_sum(self.types, other.types),
            buckets=_sum(self.buckets, other.buckets),
            decimals=_sum(self.decimals, other.decimals),
            lengths=_sum(self.lengths, other.lengths),
            families=_sum(self.families, other.families),
            masks=self.masks.merged(other.masks),
            values=self.values.merged(other.values),
            smallest=sorted({*self.smallest, *other.smallest})[:KEPT_HASHES],
        )

    @property
    def numbers(self) -> int:
        """Count of numbers."""
        return self.types.get("integer", 0) + self.types.get("number", 0)

    @property
    def distinct(self) -> int:
        """Estimated number of distinct scalars."""
        if len(self.smallest) < KEPT_HASHES:
            return len(self.smallest)
        return round((KEPT_HASHES - 1) / (self.smallest[-1] / 2.0**64))

    @property
    def labelled(self) -> bool:
        """Is every distinct value counted, and does it come again?"""
        return 0 < len(self.values.counts) < KEPT_VALUES and self.distinct * 4 <= self.present

    def quantile(self, share: float) -> float:
        """The number that `share` of the numbers do not exceed, exact to 1 %; NaN without numbers."""
        total = self.numbers
        if not total:
            return math.nan
        rank, seen = share * (total - 1), 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen > rank:
                return value_of(bucket)
        return value_of(max(self.buckets))


class Profile(msgspec.Struct):
    """The profile of a stream."""

    count: int = 0
    """Events seen."""
    fields: dict[str, FieldProfile] = {}
    """By JSON Pointer, `*` for array members."""

    @classmethod
    def of(cls, events: Iterable[Any]) -> Self:
        """The profile of decoded events."""
        columns: dict[str, _Column] = {}
        count = 0
        for count, event in enumerate(events, 1):
            for path, value in leaves_of(event):
                column = columns.get(path)
                if column is None:
                    column = columns[path] = _Column()
                column.add(value, count)
        return cls(count=count, fields={path: column.profile() for path, column in columns.items()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """A profile that was stored."""
        return msgspec.json.decode(raw, type=cls)

    def to_bytes(self) -> bytes:
        """The profile to store; the same statistics give the same bytes."""
        return msgspec.json.encode(msgspec.to_builtins(self, str_keys=True), order="sorted")

    def observe(self, event: Any) -> None:
        """Adds a decoded event."""
        self.count += 1
        seen: set[str] = set()
        for path, value in leaves_of(event):
            field = self.fields.get(path)
            if field is None:
                field = self.fields[path] = FieldProfile()
            field.add(value)
            if path not in seen:
                seen.add(path)
                field.events += 1

    def merge(self, other: Profile) -> Profile:
        """Both profiles together, as if one had seen all events."""
        names = [*self.fields, *(name for name in other.fields if name not in self.fields)]
        empty = FieldProfile()
        return Profile(
            count=self.count + other.count,
            fields={name: self.fields.get(name, empty).merged(other.fields.get(name, empty)) for name in names},
        )

    def rate(self, path: str) -> float:
        """Share of events in which the field is there."""
        field = self.fields.get(path)
        return field.events / self.count if field is not None and self.count else 0.0


class _Column:
    """The values of one field, equal ones together: most values of most fields come again, and each is then read
    once.
    """

    __slots__ = ("_events", "_last", "_times", "_values")

    def __init__(self) -> None:
        self._events = self._last = 0
        self._times: dict[tuple[type, Any], int] = {}
        self._values: dict[tuple[type, Any], Any] = {}

    def add(self, value: Any, event: int) -> None:
        """Counts a value of the event with this number, from 1."""
        if event != self._last:
            self._last = event
            self._events += 1
        kind = value.__class__
        # Of numbers 0.0 and -0.0 are equal and not the same; empty objects and arrays cannot be looked up.
        key = (kind, value if kind is str or kind is int else repr(value))
        times = self._times.get(key)
        if times is None:
            self._times[key] = 1
            self._values[key] = value
        else:
            self._times[key] = times + 1

    def profile(self) -> FieldProfile:
        """What was seen."""
        return FieldProfile.of(zip(self._values.values(), self._times.values(), strict=True), events=self._events)


_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def bucket_of(number: float) -> int:
    """The bucket of magnitudes of a number; buckets are ordered as numbers are."""
    if number == 0 or math.isnan(number):
        return 0
    magnitude = max(1, round(math.log(abs(number)) / _LOG) + 40000)
    return magnitude if number > 0 else -magnitude


def value_of(bucket: int) -> float:
    """The number in the middle of a bucket."""
    if bucket == 0:
        return 0.0
    return math.copysign(math.exp((abs(bucket) - 40000) * _LOG), bucket)


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _place(ordered: Sequence[int], number: int) -> int:
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low


def _sum(left: dict[Key, int], right: dict[Key, int]) -> dict[Key, int]:
    found = dict(left)
    for key, count in right.items():
        found[key] = found.get(key, 0) + count
    return found
