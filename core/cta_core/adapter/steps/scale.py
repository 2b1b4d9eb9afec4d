"""`scale`: a number in another unit, also with an offset (Fahrenheit) or by label (minor units by currency)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import msgspec

from cta_core.adapter.access import rewriter
from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import EXACT, JsonType, Scalar, decimal_of, identity, type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, InvalidPointer, Violation
from cta_core.path import EVERY, Parts, get, is_array, is_object, parse, set_, values

Change = Callable[[Any], Any]

MAX_DECIMALS: Final = 15
"""Decimals to round to: what a double holds for any number below 10."""

_SAFE: Final = 2**53
"""Up to here every integer is a double; a larger whole result stays an integer, so that no digit is lost."""

_LARGEST: Final = 10**30
"""Numbers up to here are converted exactly whatever the factor, see `EXACT`. Whole units of integers know no limit."""

MAX_FACTOR: Final = 1e15
"""Factors and offsets up to here, and factors down to its inverse: femto- to peta-, and nanoseconds of eleven days."""


class ScaleRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The unit of one label."""

    label: Scalar
    """Value of the field `by`."""
    numerator: float = 1.0
    """Multiplies."""
    denominator: float = 1.0
    """Divides."""
    offset: float = 0.0
    """Is added at the end."""


class Scale(StepBase, tag="scale", frozen=True, kw_only=True):
    """Convert a number: out = in * numerator / denominator + offset.

    It counts with the decimal numbers that are written, not with their nearest doubles: 1999 / 100 is 19.99 and 19.99 *
    100 is 1999.
    """

    path: str
    """The field."""
    numerator: float = 1.0
    """Multiplies."""
    denominator: float = 1.0
    """Divides. 100 for cents in units: write 1/100 and not 0.01/1."""
    offset: float = 0.0
    """Is added at the end."""
    decimals: int | None = None
    """Decimals that the result is rounded to, half to even; None rounds nothing."""
    to: JsonType | None = None
    """INTEGER refuses fractions, NUMBER is a number; None keeps an integer where the result of an integer is whole."""
    by: str = ""
    """Pointer of the field whose label chooses the row of `table`; in the same array member, or outside the array."""
    table: tuple[ScaleRow, ...] = ()
    """One row per label; an event with another label is refused."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)
        yield from _row_problems("", self.numerator, self.denominator, self.offset)
        if self.decimals is not None and not 0 <= self.decimals <= MAX_DECIMALS:
            yield Violation("decimals", f"must be between 0 and {MAX_DECIMALS}")
        if self.to not in (None, JsonType.NUMBER, JsonType.INTEGER):
            yield Violation("to", "must be NUMBER, INTEGER or left out")
        if bool(self.by) != bool(self.table):
            yield Violation("table", "goes together with by: give both or none")
        if self.by:
            yield from self._table_problems()

    def _table_problems(self) -> Iterator[Violation]:
        found = list(pointer_problems("by", self.by))
        yield from found
        counts = Counter(identity(row.label) for row in self.table)
        for index, row in enumerate(self.table):
            if counts[identity(row.label)] > 1:
                yield Violation(f"table[{index}].label", "must be the label of one row only")
            yield from _row_problems(f"table[{index}].", row.numerator, row.denominator, row.offset)
        if (self.numerator, self.denominator, self.offset) != (1.0, 1.0, 0.0):
            yield Violation("numerator", "is given by the table; leave it out")
        try:
            path, by = parse(self.path), parse(self.by)
        except InvalidPointer:
            return
        if not found and by.count(EVERY) and by[: _members(by)] != path[: _members(by)]:
            yield Violation("by", "must be in the same array member as the path, or outside the array")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.path, self.by) if self.by else (self.path,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        parts = parse(self.path)
        return self._by_label(parts, parse(self.by)) if self.by else rewriter(parts, self.change())

    def change(self) -> Change:
        """The change of one value, where no label decides."""
        return self._change(self.numerator, self.denominator, self.offset)

    def _by_label(self, parts: Parts, by: Parts) -> Action:
        path, by_pointer = self.path, self.by
        rows = {identity(row.label): self._change(row.numerator, row.denominator, row.offset) for row in self.table}
        shared = _members(by)
        common, label_at = parts[:shared], by[shared:]
        below = parts[shared:]

        def convert(event: dict[str, Any]) -> None:
            for node in values(event, common):
                found = [value for value in values(node, below) if value is not None]
                if not found:
                    continue
                label = get(node, label_at)
                row = None if is_object(label) or is_array(label) else rows.get(identity(label))
                if row is None:
                    raise EventRefused(f"{by_pointer} holds no label of the adapter's table", path)
                if EVERY in below:
                    rewriter(below, row)(node)
                else:
                    set_(node, below, row(found[0]))

        return convert

    def _change(self, numerator: float, denominator: float, offset: float) -> Change:
        exact = self._exactly(decimal_of(numerator), decimal_of(denominator), decimal_of(offset))
        whole_units = (
            int(numerator) == numerator and int(denominator) == denominator and offset == 0 and denominator > 0
        )
        if not whole_units or self.decimals is not None:
            return exact
        return _whole_units(int(numerator), int(denominator), self.to, exact)

    def _exactly(self, numerator: Decimal, denominator: Decimal, offset: Decimal) -> Change:
        path, decimals, to = self.path, self.decimals, self.to
        place = None if decimals is None else Decimal(1).scaleb(-decimals)

        def convert(value: Any) -> Any:
            if value is None:
                return None
            if type(value) is not int and type(value) is not float:
                raise EventRefused(f"is of type {type_word(value)}, not a number", path)
            if abs(value) >= _LARGEST:
                raise EventRefused("is too large to be converted exactly", path)
            number = EXACT.add(EXACT.divide(EXACT.multiply(decimal_of(value), numerator), denominator), offset)
            if place is not None:
                number = number.quantize(place, rounding=ROUND_HALF_EVEN, context=EXACT)
            return _result(number, value, to, path)

        return convert

    def inverse(self) -> Scale | None:
        """See `Step.inverse`; none with an offset or after rounding, and where a factor is 0."""
        rows = [(self.numerator, self.offset), *((row.numerator, row.offset) for row in self.table)]
        if self.decimals is not None or self.to is not None or any(top == 0 or offset for top, offset in rows):
            return None
        table = tuple(
            ScaleRow(label=row.label, numerator=row.denominator, denominator=row.numerator) for row in self.table
        )
        return Scale(path=self.path, numerator=self.denominator, denominator=self.numerator, by=self.by, table=table)

    def loses(self) -> str:
        """See `Step.loses`."""
        return "" if self.decimals is None else f"what {self.path} had behind {self.decimals} decimals"

    def words(self) -> str:
        """See `Step.words`."""
        rounded = "" if self.decimals is None else f", rounded to {self.decimals} decimals"
        if self.table:
            rows = ", ".join(
                f"{shown(row.label)} {_formula(row.numerator, row.denominator, row.offset)}" for row in self.table
            )
            return f"scale {self.path} by {self.by}: {rows}{rounded}"
        return f"scale {self.path} {_formula(self.numerator, self.denominator, self.offset)}{rounded}"


def _row_problems(prefix: str, numerator: float, denominator: float, offset: float) -> Iterator[Violation]:
    for field, factor in (("numerator", numerator), ("denominator", denominator)):
        if not 1 / MAX_FACTOR <= abs(factor) <= MAX_FACTOR:
            yield Violation(
                f"{prefix}{field}", f"must be a number other than 0, between 1/{MAX_FACTOR:g} and {MAX_FACTOR:g}"
            )
    if not abs(offset) <= MAX_FACTOR:
        yield Violation(f"{prefix}offset", f"must be a number of {MAX_FACTOR:g} at most")


def _members(parts: Parts) -> int:
    """The length of the parts up to the last `*`."""
    return len(parts) - parts[::-1].index(EVERY) if EVERY in parts else 0


def _whole_units(numerator: int, denominator: int, to: JsonType | None, exact: Change) -> Change:
    """The fast way for integers and whole factors; what it does not answer goes to `exact`.

    Whole results are exact for integers of any size, and a fraction is rounded once, by one division of integers.
    """
    wants_number, wants_integer = to is JsonType.NUMBER, to is JsonType.INTEGER

    def convert(value: Any) -> Any:
        if type(value) is not int:
            return exact(value)
        product = value * numerator
        if product % denominator == 0:
            quotient = product // denominator
            return float(quotient) if wants_number and -_SAFE <= quotient <= _SAFE else quotient
        if wants_integer or not -_LARGEST < value < _LARGEST:
            return exact(value)
        return product / denominator

    return convert


def _result(number: Decimal, value: float, to: JsonType | None, path: str) -> int | float:
    """The JSON number for an exact result."""
    is_whole = number == number.to_integral_value()
    if to is JsonType.INTEGER:
        if not is_whole:
            raise EventRefused("is not a whole number in the other unit", path)
        return int(number)
    if is_whole and (number.copy_abs() > _SAFE or (to is None and type(value) is int)):
        return int(number)
    result = float(number)
    if not math.isfinite(result):
        raise EventRefused("is too large for a number in the other unit", path)
    return result


def _formula(numerator: float, denominator: float, offset: float) -> str:
    text = ""
    if numerator != 1:
        text += f"times {numerator:.15g}"
    if denominator != 1:
        text += f"{' ' if text else ''}divided by {denominator:.15g}"
    if offset:
        text += f"{' ' if text else ''}{'plus' if offset > 0 else 'minus'} {abs(offset):.15g}"
    return text or "times 1"
