"""Faults of numbers: another type, another way to write them, another unit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, Scale
from cta_core.errors import EventRefused, InvalidInput
from cta_core.path import parse
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.kinds.kind import Kind, Made, accepts_all, by_steps, is_number
from cta_server.runtime.faults.survey import Seen

_STYLES: Final = {"german": (".", ","), "english": (",", "."), "french": (" ", ","), "swiss": ("'", ".")}
"""Marks of groups and of the fraction."""

_SAFE: Final = 10**15
"""Larger numbers have no two decimals as doubles; nothing is formatted that could not be read back."""


def castable(seen: Seen) -> bool:
    """Whether the field holds numbers, booleans, or texts that are numbers without anything to lose."""
    return seen.only(int, float, bool) or (
        seen.only(str) and accepts_all(Cast(path=seen.pointer, to=JsonType.NUMBER).change(), seen.values)
    )


def cast_of(seen: Seen, pointer: str) -> Cast:
    """The cast that changes the type of such a field: numbers and booleans to text, texts to numbers."""
    return Cast(path=pointer, to=JsonType.NUMBER if seen.only(str) else JsonType.STRING)


def _cast(draft: Draft) -> Made:
    seen = draft.field(castable, "a number, a boolean, or text that is a number")
    usual = "number" if seen.only(str) else "text"
    to = draft.choice("to", ("text", "number"), usual)
    if to != usual:
        raise InvalidInput.of("parameters.to", f"{seen.pointer} is that already; cast it to {usual}")
    return by_steps(cast_of(seen, seen.pointer))


def _number_format(draft: Draft) -> Made:
    seen = draft.field(is_number, "a number")
    style = draft.choice("style", tuple(_STYLES))
    decimals = draft.number("decimals", 0 if seen.only(int) else 2)
    if decimals not in range(10):
        raise InvalidInput.of("parameters.decimals", "must be an integer from 0 to 9")
    prefix, suffix = draft.text("prefix", ""), draft.text("suffix", "")
    change = _writer(seen.pointer, style, int(decimals), prefix, suffix)
    words = f"write {seen.pointer} in the {style} way: {change(1234.5 if decimals else 1234)}"
    return Made(rewriter(parse(seen.pointer), change), words)


def _writer(path: str, style: str, decimals: int, prefix: str, suffix: str) -> Callable[[Any], Any]:
    group, mark = _STYLES[style]
    marks = str.maketrans({",": group, ".": mark})

    def write(value: Any) -> Any:
        if value is None:
            return None
        if type(value) not in (int, float) or abs(value) >= _SAFE:
            raise EventRefused("is no number that can be formatted", path)
        exact = Decimal(repr(value))
        exponent = exact.as_tuple().exponent
        needed = max(decimals, -exponent if isinstance(exponent, int) and exact != int(exact) else 0)
        return f"{prefix}{format(exact, f',.{needed}f').translate(marks)}{suffix}"

    return write


def _scale(draft: Draft) -> Made:
    # A number that is always the same has no unit; who wants it scaled names it.
    seen = draft.field(is_number if draft.path else _varies, "a number")
    factors = (100, 1000) if seen.only(int) else (100, 1000, 0.01, 0.001)
    factor = draft.number("factor", draft.rng.choice(factors))
    offset = draft.number("offset", 0)
    return by_steps(scaled(seen, factor, offset))


def _varies(seen: Seen) -> bool:
    return is_number(seen) and len(seen.distinct()) > 1


def scaled(seen: Seen, factor: float, offset: float = 0.0) -> Scale:
    """The step that brings a field to another unit, in integers where the sample gives nothing else."""
    whole = Scale(path=seen.pointer, numerator=factor, offset=offset, to=JsonType.INTEGER)
    if not list(whole.problems()) and accepts_all(whole.change(), seen.values):
        return whole
    return Scale(path=seen.pointer, numerator=factor, offset=offset)


NUMBERS: Final = (
    Kind(
        name="cast",
        description="numbers and booleans arrive as text, or text as numbers; healed by a cast",
        parameters={"to": "text or number; left out: the other one"},
        make=_cast,
    ),
    Kind(
        name="number_format",
        description="numbers arrive as text written for people, 1.234,56; healed by a number_format",
        parameters={
            "style": f"{', '.join(_STYLES)}; left out: the seed chooses",
            "decimals": "decimals at least; left out: 2, or 0 for integers",
            "prefix": "text before the number",
            "suffix": "text behind it",
        },
        make=_number_format,
    ),
    Kind(
        name="scale",
        description="a number arrives in another unit under the same name; healed by a scale",
        parameters={
            "factor": "multiplies; left out: the seed chooses 100, 1000, 0.01 or 0.001",
            "offset": "is added; 32 with factor 1.8 makes Fahrenheit of Celsius",
        },
        make=_scale,
    ),
)
