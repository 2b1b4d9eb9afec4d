"""`parse`: JSON that is sent inside a text becomes the value that it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.adapter.steps.serialise import Serialise
from cta_core.errors import EventRefused, Violation
from cta_core.event import DEFAULT_LIMITS, depth_exceeds
from cta_core.path import parse


class Parse(StepBase, tag="parse", frozen=True, kw_only=True):
    """Read a text as JSON."""

    path: str
    """The field."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)

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
        path = self.path
        decode = msgspec.json.Decoder().decode

        def read(value: Any) -> Any:
            if value is None:
                return None
            if type(value) is not str:
                raise EventRefused(f"is of type {type_word(value)}, not JSON text", path)
            try:
                result = decode(value)
            except (msgspec.DecodeError, RecursionError):
                raise EventRefused("is not JSON text that can be read", path) from None
            if depth_exceeds(result, DEFAULT_LIMITS.max_depth):
                raise EventRefused(f"is nested deeper than {DEFAULT_LIMITS.max_depth} levels", path)
            return result

        return read

    def inverse(self) -> Serialise:
        """See `Step.inverse`."""
        return Serialise(path=self.path)

    def loses(self) -> str:
        """See `Step.loses`."""
        return f"the spacing of the JSON text at {self.path}"

    def words(self) -> str:
        """See `Step.words`."""
        return f"read the JSON text at {self.path}"
