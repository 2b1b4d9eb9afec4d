"""A fault on its way from a spec to a change: what was asked for, checked, and what the seed chose for the rest.

Kinds ask it for their field and parameters by name; it refuses with the name, what is wrong and what would fit, and
keeps what was settled so that the answer can show it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from random import Random
from typing import Any, Final

import msgspec

from cta_core.errors import InvalidInput, InvalidPointer
from cta_core.path import parse
from cta_server.runtime.faults.fault import FaultSpec
from cta_server.runtime.faults.survey import Seen

_SHOWN: Final = 8
"""Fields named in a refusal: enough to find the right one, few enough to read."""


class Draft:
    """What a kind builds its change from."""

    def __init__(self, spec: FaultSpec, fields: dict[str, Seen]) -> None:
        self.fields = fields
        """Every field of the sample."""
        self.rng = Random(f"{spec.kind}/{spec.seed}")  # noqa: S311 - repeatable on purpose
        self.seed = spec.seed
        self.path = spec.path
        self.settled: dict[str, Any] = {}
        """The parameters in force."""
        self._given = spec.parameters

    def field(self, fits: Callable[[Seen], bool], what: str) -> Seen:
        """The field of the fault: the one asked for if it fits, else one that the seed chooses. `what` says what
        fits.
        """
        found = self.other("path", self.path, fits, what)
        self.path = found.pointer
        return found

    def other(self, name: str, pointer: str, fits: Callable[[Seen], bool], what: str) -> Seen:
        """A field that fits, asked for under this name or chosen by the seed if `pointer` is empty."""
        fitting = [seen for seen in self.fields.values() if fits(seen)]
        if not pointer:
            if not fitting:
                raise InvalidInput.of(name, f"no field of the source's events is {what}; choose another kind")
            return self.rng.choice(fitting)
        self._check_pointer(name, pointer)
        seen = self.fields.get(pointer)
        if seen is None:
            raise InvalidInput.of(
                name, f"no event of the source has {pointer}; there are {_names(self.fields.values())}"
            )
        if not fits(seen):
            raise InvalidInput.of(name, f"{pointer} is not {what}; {_names(fitting) or 'no field'} would fit")
        return seen

    def pointer(self, name: str, default: str) -> str:
        """A parameter that names a new place."""
        text = self.text(name, default)
        self._check_pointer(f"parameters.{name}", text)
        if not text or text in self.fields:
            raise InvalidInput.of(f"parameters.{name}", "name a place that is free, /amt")
        return text

    def key(self, name: str, pointer: str, default: str) -> str:
        """A parameter that gives the field at `pointer` another name; the new pointer."""
        new = self.text(name, default)
        above = pointer.rpartition("/")[0]
        target = f"{above}/{escaped(new)}"
        if not new or target in self.fields:
            raise InvalidInput.of(f"parameters.{name}", "give a name that is not taken beside the field")
        return target

    def text(self, name: str, default: str) -> str:
        """A parameter that is text."""
        value = self._given.get(name, default)
        if not isinstance(value, str):
            raise InvalidInput.of(f"parameters.{name}", "must be text")
        self.settled[name] = value
        return value

    def choice(self, name: str, options: Sequence[str], default: str = "") -> str:
        """A parameter that is one of some words; without a default the seed chooses."""
        value = self._given.get(name) or default or self.rng.choice(options)
        if value not in options:
            raise InvalidInput.of(f"parameters.{name}", f"must be one of {', '.join(options)}")
        self.settled[name] = value
        return str(value)

    def number(self, name: str, default: float) -> float:
        """A parameter that is a finite number."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise InvalidInput.of(f"parameters.{name}", "must be a number")
        # Numbers come as doubles from a JSON struct: a whole one is shown and used as an integer.
        whole = int(value) if value == int(value) else value
        self.settled[name] = whole
        return whole

    def scalars(self, name: str) -> dict[str, str | int | float | bool] | None:
        """A parameter that is an object of scalars; None if it was left out."""
        value: Any = self._given.get(name)
        if value is None:
            return None
        try:
            found = msgspec.convert(value, dict[str, str | int | float | bool])
        except msgspec.ValidationError:
            raise InvalidInput.of(f"parameters.{name}", "must be an object of text, numbers and booleans") from None
        self.settled[name] = found
        return found

    def asked(self, name: str, value: str) -> bool:
        """Whether the parameter was given with this value."""
        return self._given.get(name) == value

    def settle(self, name: str, value: Any) -> None:
        """Keep a parameter that the kind worked out."""
        self.settled[name] = value

    def _check_pointer(self, name: str, pointer: str) -> None:
        try:
            parse(pointer)
        except InvalidPointer as error:
            raise InvalidInput.of(name, error.violations[0].remedy) from None


def escaped(key: str) -> str:
    """A key as a part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1") if key != "*" else "~2"


def _names(fields: Any) -> str:
    pointers = [seen.pointer for seen in fields]
    more = len(pointers) - _SHOWN
    return ", ".join(pointers[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
