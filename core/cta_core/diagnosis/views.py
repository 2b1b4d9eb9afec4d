"""A column read once in every way that matters: types, numbers, texts, labels, times, masks. All lazily and only once.

Candidates and checks ask views instead of going over raw values again. A view decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cta_core.diagnosis.formats import date_formats, epoch_format, family_of, mask_of, seconds_of
from cta_core.diagnosis.table import Column

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

INTEGER: Final = frozenset({"integer"})
NUMBER: Final = frozenset({"number"})
"""The types of a column of whole numbers alone, and of numbers with a fraction or a point alone."""

REFUSED: Any = object()
"""Stands for a value that a candidate's steps refuse: its event would be held."""

LABEL_LIMIT = 48
"""Most distinct values of a label field. Country and currency lists of one business stay below; names and ids do
not."""


_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    dict: "object",
    list: "array",
}


def json_type(value: object) -> str:
    """The JSON type of a value, integers apart from other numbers."""
    return _TYPES.get(type(value), "refused")


PLAIN_PLACES: Final = 6
"""Decimal places up to which many numbers are told at once; more of them are read off the numbers' texts."""

PLAIN_SIZE: Final = 1e8
"""Numbers from which six places more are beyond the 15 digits that a double surely keeps."""


def decimals_of(value: float) -> int:
    """Decimal places that a number is written with, 0 to 17."""
    if value == int(value):
        return 0
    text = repr(float(value))
    if "e" in text or "E" in text:
        mantissa, _, exponent = text.lower().partition("e")
        digits = len(mantissa.partition(".")[2])
        return min(17, max(0, digits - int(exponent)))
    return len(text.partition(".")[2])


class View:
    """All readings of the values of one column (or of what a candidate makes of it)."""

    def __init__(self, path: str, values: Sequence[Any], rows: Sequence[int]) -> None:
        self.path = path
        self.values = values
        self.rows = rows
        self.lined_up: tuple[int, list[Any] | None] | None = None
        """The values by event, kept by `relations.by_row`."""
        self.kept: dict[Any, Any] = {}
        """Features by event, kept by `relations.features`."""
        self.ordered: tuple[int, Floats | None] | None = None
        """The instants by event, kept by `relations.instants`."""

    @classmethod
    def of(cls, column: Column) -> View:
        """The view of a table's column."""
        if column.reading is None:
            column.reading = cls(column.path, column.values, column.rows)
        view: View = column.reading
        return view

    @cached_property
    def types(self) -> Counter[str]:
        """Values by JSON type, nulls among them."""
        found: Counter[str] = Counter()
        for kind, count in Counter(map(type, self.values)).items():
            found[_TYPES.get(kind, "refused")] += count
        return found

    @cached_property
    def total(self) -> int:
        """Number of values, nulls among them."""
        return len(self.values)

    @cached_property
    def nulls(self) -> int:
        """Number of nulls."""
        return self.types["null"]

    @cached_property
    def solid(self) -> list[Any]:
        """Values that are neither null nor refused."""
        return [value for value in self.values if value is not None and value is not REFUSED]

    @cached_property
    def solid_types(self) -> frozenset[str]:
        """Types apart from null and refused values."""
        return frozenset(kind for kind, count in self.types.items() if count and kind not in ("null", "refused"))

    @cached_property
    def kind(self) -> str:
        """The main type: `number` for all numbers, `string`, `boolean`, `object`, `array`, `mixed`, or `null` for
        nothing but nulls.
        """
        kinds = self.solid_types
        if not kinds:
            return "null"
        if kinds <= {"integer", "number"}:
            return "number"
        return next(iter(kinds)) if len(kinds) == 1 else "mixed"

    @cached_property
    def numbers(self) -> Floats:
        """All numbers as floats (booleans are no numbers)."""
        return np.array([float(v) for v in self.values if type(v) is int or type(v) is float], dtype=np.float64)

    @cached_property
    def sorted_numbers(self) -> Floats:
        """The numbers in rising order."""
        return np.sort(self.numbers)

    @cached_property
    def middle(self) -> float:
        """Median of the numbers."""
        return float(np.median(self.numbers)) if len(self.numbers) else 0.0

    @cached_property
    def magnitude(self) -> float:
        """Median size of the numbers that are not zero; 0 where there is none."""
        sizes = np.abs(self.numbers[self.numbers != 0])
        return float(np.median(sizes)) if len(sizes) else 0.0

    @cached_property
    def spread(self) -> float:
        """Distance from the 10th to the 90th percentile of the numbers, 1 where they are all equal."""
        ordered = self.sorted_numbers
        last = len(ordered) - 1
        return float(ordered[last * 9 // 10] - ordered[last // 10]) or 1.0 if len(ordered) else 1.0

    @cached_property
    def texts(self) -> list[str]:
        """All texts."""
        return [value for value in self.values if type(value) is str]

    @cached_property
    def counts(self) -> Counter[tuple[str, Any]]:
        """How often each scalar occurs; keyed by (type, value), so that 1, true and "1" stay apart."""
        if self.kind in ("number", "string", "boolean"):
            return Counter(zip(repeat(self.kind), self.solid))
        return Counter(
            ("number" if type(v) is int or type(v) is float else json_type(v), v)
            for v in self.solid
            if type(v) is not dict and type(v) is not list
        )

    @cached_property
    def labels(self) -> dict[Any, int]:
        """The counts by value if this is a label field: few values that come again; else empty."""
        if self.kind not in ("string", "boolean", "number"):
            return {}
        if not self.counts or len(self.counts) > LABEL_LIMIT:
            return {}
        if self.kind == "number" and (len(self.counts) > 16 or any(v != int(v) for _, v in self.counts)):
            return {}
        if len(self.counts) * 4 > len(self.solid) and len(self.counts) > 3:
            return {}
        if self.kind == "string" and self.date_formats:
            return {}
        return {value: count for (_, value), count in self.counts.items()}

    @cached_property
    def marks(self) -> Counter[str]:
        """Texts by the punctuation and blanks in them."""
        return Counter(mark for text in self.texts if not text.isalnum() for mark in set(text) if not mark.isalnum())

    @cached_property
    def known(self) -> frozenset[Any]:
        """The scalars that occur."""
        return frozenset(value for value in self.solid if type(value) is not dict and type(value) is not list)

    @cached_property
    def recurring(self) -> float:
        """Share of the second half's values that the first half had already."""
        half = len(self.solid) // 2
        first = {value for value in self.solid[:half] if type(value) is not dict and type(value) is not list}
        second = [value for value in self.solid[half:] if type(value) is not dict and type(value) is not list]
        return sum(1 for value in second if value in first) / max(1, len(second))

    @cached_property
    def distinct_share(self) -> float:
        """Distinct values among all, 0 to 1."""
        return len(self.counts) / len(self.solid) if self.solid else 0.0

    @cached_property
    def decimals(self) -> Counter[int]:
        """Numbers by their decimal places."""
        left = self.numbers[np.abs(self.numbers) < 1e300]
        found: Counter[int] = Counter()
        for places in range(PLAIN_PLACES + 1):
            if not len(left):
                return found
            # What comes back from so many places is written with them, where doubles can tell the places apart at all.
            same = (np.round(left, places) == left) & ((np.abs(left) < PLAIN_SIZE) | (left == np.trunc(left)))
            if same.any():
                found[places] = int(np.count_nonzero(same))
                left = left[~same]
        found.update(decimals_of(value) for value in left.tolist())
        return found

    @cached_property
    def most_decimals(self) -> int:
        """Decimal places that hold all but a thousandth of the numbers."""
        total, seen = sum(self.decimals.values()), 0
        for places in sorted(self.decimals):
            seen += self.decimals[places]
            if seen >= 0.999 * total:
                return places
        return 0

    @cached_property
    def families(self) -> Counter[str]:
        """Texts by family (`uuid`, `email`, ...)."""
        return Counter(map(family_of, self.texts))

    @cached_property
    def family(self) -> str:
        """The family of all but a hundredth of the texts; empty where they are mixed."""
        for name, count in self.families.most_common(1):
            if count >= 0.99 * len(self.texts):
                return name
        return ""

    @cached_property
    def masks(self) -> Counter[str]:
        """Texts by mask."""
        return Counter(map(mask_of, self.texts))

    @cached_property
    def lengths(self) -> Floats:
        """Lengths of the texts, in rising order."""
        return np.sort(np.array([len(text) for text in self.texts], dtype=np.float64))

    @cached_property
    def date_formats(self) -> list[str]:
        """Formats that read all texts but for junk; for whole numbers the epoch that fits."""
        if self.kind == "string" or (self.texts and len(self.texts) * 2 > len(self.solid)):
            return date_formats(self.texts)
        if self.kind == "number" and len(self.numbers):
            form = epoch_format(
                [
                    float(self.sorted_numbers[len(self.numbers) // 50]),
                    float(self.sorted_numbers[-1 - len(self.numbers) // 50]),
                ]
            )
            return [form] if form else []
        return []

    def times(self, form: str) -> Floats:
        """Instants of the values in a format, in seconds; NaN for what does not parse. In the order of `values`."""
        unit = {"epoch_s": 1.0, "epoch_ms": 1e3, "epoch_us": 1e6, "epoch_ns": 1e9}.get(form)
        found: list[float] = []
        for value in self.values:
            if unit is not None:
                found.append(value / unit if type(value) is int or type(value) is float else np.nan)
            else:
                second = seconds_of(value, form) if type(value) is str else None
                found.append(np.nan if second is None else second)
        return np.array(found, dtype=np.float64)

    @cached_property
    def rising(self) -> float:
        """Share of steps between following values that do not fall, for numbers: 1 for a counter or a log's time."""
        if len(self.numbers) < 8:
            return 0.0
        return float(np.mean(np.diff(self.numbers) >= 0))


def share_of(flags: Flags) -> float:
    """Share of the flags that are set; NaN where there are none."""
    return float(np.mean(flags))


def kolmogorov(left: Floats, right: Floats) -> float:
    """The largest distance between the distribution functions of two sorted samples."""
    if not len(left) or not len(right):
        return 1.0
    both = np.concatenate([left, right])
    below_left = np.searchsorted(left, both, side="right") / len(left)
    below_right = np.searchsorted(right, both, side="right") / len(right)
    return float(np.max(np.abs(below_left - below_right)))


def kolmogorov_noise(left: int, right: int) -> float:
    """The distance that two samples of one population stay below in 99 of 100 cases."""
    if not left or not right:
        return 1.0
    return 1.63 * float(np.sqrt((left + right) / (left * right)))


def total_variation(left: Counter[Any] | dict[Any, int], right: Counter[Any] | dict[Any, int]) -> float:
    """Half the sum of the differences of two frequency tables, 0 to 1."""
    a, b = sum(left.values()), sum(right.values())
    if not a or not b:
        return 1.0
    return 0.5 * sum(abs(left.get(key, 0) / a - right.get(key, 0) / b) for key in set(left) | set(right))
