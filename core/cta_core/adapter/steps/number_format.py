"""`number_format`: a number that people formatted as text (`1.234,56 €`) becomes a JSON number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import JsonType, number_of_text, whole
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import parse

_SIGNS = ("+", "-")


class NumberFormat(StepBase, tag="number_format", frozen=True, kw_only=True):
    """Read formatted text as a number. Only the marks given here are read, and groups have three digits."""

    path: str
    """The field."""
    decimal: str = "."
    """The mark before the fraction."""
    group: str = ""
    """The mark between groups of three digits; empty if there is none."""
    prefix: str = ""
    """Text before the number, `$`; the sign may stand before or after it."""
    suffix: str = ""
    """Text after the number, ` €` or `%`. A percentage is read as it stands; a scale step makes a ratio of it."""
    to: JsonType = JsonType.NUMBER
    """NUMBER, or INTEGER which refuses fractions."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)
        if len(self.decimal) != 1 or self.decimal.isdigit() or self.decimal in _SIGNS:
            yield Violation("decimal", "must be one character, neither digit nor sign")
        if self.group and (len(self.group) != 1 or self.group.isdigit() or self.group in _SIGNS):
            yield Violation("group", "must be one character, neither digit nor sign, or empty")
        elif self.group and self.group == self.decimal:
            yield Violation("group", "must differ from the decimal mark")
        for field, text in (("prefix", self.prefix), ("suffix", self.suffix)):
            if any(letter.isdigit() for letter in text):
                yield Violation(field, "must have no digits")
        if self.to not in (JsonType.NUMBER, JsonType.INTEGER):
            yield Violation("to", "must be NUMBER or INTEGER")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.path,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        return rewriter(parse(self.path), self.change())

    def change(self) -> Callable[[Any], Any]:
        """The change of one value."""
        path, group, integer = self.path, self.group, self.to is JsonType.INTEGER
        matches = self._pattern().fullmatch

        def read(value: Any) -> Any:
            if value is None:
                return None
            match = matches(value) if type(value) is str else None
            if match is None:
                raise EventRefused("is not text in the number format that the adapter is for", path)
            before, after, digits, fraction = match.groups()
            if before and after:
                raise EventRefused("has two signs", path)
            sign = "-" if "-" in (before, after) else ""
            whole_part = digits.replace(group, "") if group else digits
            number = number_of_text(f"{sign}{whole_part}.{fraction}" if fraction else f"{sign}{whole_part}")
            if number is not None and integer:
                number = whole(number) if type(number) is float else number
            if number is None:
                raise EventRefused(f"is not exact as a JSON {'integer' if integer else 'number'}", path)
            return number

        return read

    def _pattern(self) -> re.Pattern[str]:
        # The groups: sign before the prefix, sign after it, whole part, fraction. Each piece starts with another
        # character,
        # so that the pattern runs in linear time on any text.
        group = re.escape(self.group)
        digits = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+" if self.group else "[0-9]+"
        return re.compile(
            rf"([+-])?{re.escape(self.prefix)}([+-])?({digits})(?:{re.escape(self.decimal)}([0-9]+))?{re.escape(self.suffix)}"
        )

    def inverse(self) -> None:
        """See `Step.inverse`; none: one number can be written in several ways."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return f"how the number at {self.path} was written"

    def words(self) -> str:
        """See `Step.words`."""
        sample = f"{self.prefix}1{self.group}234{self.decimal}56{self.suffix}"
        return f"read {self.path} as a number written like {sample}"
